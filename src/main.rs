//! probe
fn main() {
    use std::io::Write;
    for claim in gradspectra::claims::registry() {
        let t = std::time::Instant::now();
        let r = claim.run(&gradspectra::measure::Silent);
        let _ = writeln!(std::io::stdout(), "{:?}\n  {:?}", r, t.elapsed());
    }
}
