//! Lists of job numbers as text: delta encoding, with a variable number of digits of base 32 for each number.

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/// In each digit of a distance but the last.
const CONTINUATION_BIT: usize = 32;

/// The text of numbers that are sorted and unique.
pub(super) fn encode(numbers: &[u16]) -> String {
    let mut text = String::with_capacity(numbers.len() * 2);
    let mut next = 0;
    for number in numbers {
        let mut distance = usize::from(number - next);
        while distance >= CONTINUATION_BIT {
            text.push(char::from(
                DIGITS[CONTINUATION_BIT + distance % CONTINUATION_BIT],
            ));
            distance /= CONTINUATION_BIT;
        }
        text.push(char::from(DIGITS[distance]));
        next = number + 1;
    }
    text
}

/// The numbers of a text. Characters that are no digits are left out.
pub(super) fn decode(text: &str) -> Vec<u16> {
    let mut numbers = Vec::with_capacity(text.len());
    let (mut next, mut distance, mut factor) = (0, 0, 1);
    for digit in text.bytes() {
        let Some(value) = DIGITS.iter().position(|known| *known == digit) else {
            continue;
        };
        distance += value % CONTINUATION_BIT * factor;
        factor *= CONTINUATION_BIT;
        if value < CONTINUATION_BIT {
            let number = u16::try_from(next + distance).unwrap_or(u16::MAX);
            numbers.push(number);
            next = usize::from(number) + 1;
            (distance, factor) = (0, 1);
        }
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn posting_list_is_unchanged_by_encoding_and_decoding() {
        for numbers in [
            vec![],
            vec![0],
            vec![0, 1, 2, 33, 34, 1023, 1024],
            vec![31, 63, 64, 65],
            vec![40_000, 65_534],
        ] {
            assert_eq!(decode(&encode(&numbers)), numbers);
        }
        assert_eq!(encode(&[0, 1, 2]), "AAA");
    }
}
