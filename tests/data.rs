#[test]
fn dump() {
    let t = std::time::Instant::now();
    let d = snr_bench::data::digits::load();
    println!("digits {:?} {}", t.elapsed(), d.hash);
    std::fs::write("/tmp/digits.bin", [&d.train.pixels[..], &d.test.pixels, &d.train.labels, &d.test.labels].concat())
        .unwrap();
    for _ in 0..5 {
        let t = std::time::Instant::now();
        let d = snr_bench::data::mnist::load(std::path::Path::new("/work/shared/data/mnist")).unwrap();
        println!("mnist {:?} {}", t.elapsed(), d.hash);
    }
}
