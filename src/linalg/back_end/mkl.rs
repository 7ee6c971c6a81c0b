//! Intel's MKL, through its single dynamic library `libmkl_rt`.
//!
//! The environment chooses its layers at run time: `MKL_THREADING_LAYER` the threads (`SEQUENTIAL` needs no OpenMP
//! library), and `MKL_INTERFACE_LAYER` must stay at its default, LP64: with ILP64 every dimension would be misread.

// The C names. In lower case the same symbols are Fortran's, which take addresses.
unsafe extern "C" {
    fn MKL_Get_Max_Threads() -> i32;
    fn MKL_Set_Num_Threads(threads: i32);
    fn MKL_Get_Version(version: *mut Version);
    fn MKL_CBWR_Get(option: i32) -> i32;
    fn MKL_CBWR_Get_Auto_Branch() -> i32;
}

/// `MKL_CBWR_BRANCH`: asks for the code branch that `MKL_CBWR` has set, below 3 if for none.
const CHOSEN_BRANCH: i32 = 1;

/// `MKLVersion` of `mkl_types.h`.
#[repr(C)]
struct Version {
    major: i32,
    minor: i32,
    update: i32,
    /// Padding in older releases.
    patch: i32,
    /// Product status, build, processor, platform.
    texts: [*const std::ffi::c_char; 4],
}

pub(in crate::linalg) fn threads() -> i32 {
    // SAFETY: a plain query that may be called at any time.
    unsafe { MKL_Get_Max_Threads() }
}

/// For the whole process: `MKL_Set_Num_Threads_Local` would leave out rayon's threads, which run the trials.
pub(in crate::linalg) fn set_threads(count: i32) {
    // SAFETY: takes a plain integer and may be called at any time.
    unsafe { MKL_Set_Num_Threads(count) }
}

pub(in crate::linalg) fn name() -> String {
    let mut version = Version { major: 0, minor: 0, update: 0, patch: 0, texts: [std::ptr::null(); 4] };
    // SAFETY: MKL fills the structure, whose layout is that of its header; the other calls are plain queries.
    let branch = unsafe {
        MKL_Get_Version(&raw mut version);
        match MKL_CBWR_Get(CHOSEN_BRANCH) {
            ..3 => MKL_CBWR_Get_Auto_Branch(),
            chosen => chosen,
        }
    };
    format!("MKL {}.{}.{} {}", version.major, version.minor, version.update, branch_name(branch))
}

/// The `MKL_CBWR_*` constants of `mkl_types.h`: code branches by the newest instructions that they use.
fn branch_name(branch: i32) -> String {
    match branch {
        3 => "COMPATIBLE",
        4 => "SSE2",
        6 => "SSSE3",
        7 => "SSE4_1",
        8 => "SSE4_2",
        9 => "AVX",
        10 => "AVX2",
        11 => "AVX512_MIC",
        12 => "AVX512",
        13 => "AVX512_MIC_E1",
        14 => "AVX512_E1",
        15 => "AVX10",
        newer => return format!("branch {newer}"),
    }
    .to_owned()
}
