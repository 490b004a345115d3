fn sum(words: &[String]) -> i64 {
    words.iter().filter_map(|word| word.parse::<i64>().ok()).sum()
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    println!("{}", sum(&words));
}

#[test]
fn sums() {
    assert_eq!(sum(&["1".to_string(), "x".to_string()]), 1);
}
