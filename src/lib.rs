//! test
#![allow(missing_docs)]
pub mod linalg; pub mod numeric; pub mod stats; pub mod tensor_file; pub mod names; pub mod activation; pub mod ensemble; pub mod mean_field; pub mod layer; pub mod data; pub mod spec; pub mod network; pub mod measure; pub mod predict; pub mod claims;
