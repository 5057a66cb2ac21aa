//! What is to be replayed live, and how much faster.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use simulation::replay::{Excerpt, Options, Scenario};

/// How it is asked for.
pub const USAGE: &str = "devstack replay deal-day|tuesday [--bursts N] [--seed N]";
const MINUTE: u64 = 60_000;

/// What to replay, and the clock.
#[derive(Clone, Debug)]
pub struct Order {
    /// As the simulation is asked: always with an excerpt.
    pub options: Options,
    /// How many seconds of the endpoints' time pass in a real one.
    pub(super) factor: f64,
}

impl Order {
    /// Reads the words after the command.
    ///
    /// # Errors
    /// They are not understood; the text says what is.
    pub fn parse(words: &[String]) -> Result<Self> {
        let mut words = words.iter();
        let name = words.next().map_or("", String::as_str);
        let Some(scenario) = Scenario::ALL.into_iter().find(|known| known.name() == name) else {
            bail!("a day is deal-day or tuesday, not {name:?}; {USAGE}");
        };
        let mut order = Self::of(scenario)?;
        while let Some(word) = words.next() {
            let value = words.next().map_or("", String::as_str);
            let number = || {
                let number: Option<u32> = value.parse().ok().filter(|number| *number > 0);
                number.with_context(|| format!("{word} needs a number from 1 on, not {value:?}"))
            };
            match (word.as_str(), &mut order.options) {
                ("--seed", options) => options.seed = number()?.into(),
                (
                    "--bursts",
                    Options {
                        excerpt: Some(excerpt),
                        ..
                    },
                ) => excerpt.bursts = number()?,
                _ => bail!("{word} is not understood: live there is {USAGE}"),
            }
        }
        Ok(order)
    }

    /// What can be waited for. The clock is as fast as two cores can follow: at 30 a review takes a second and a half,
    /// and five instances want three contracts a second; at 120 an archive takes five seconds. The longest gap is what
    /// the endpoint needs to work a burst off and to give its instances back (13 and 15 minutes; 33 and 10), and a little
    /// more: had the next burst come later, it would have found it no different.
    fn of(scenario: Scenario) -> Result<Self> {
        let (factor, bursts, minutes) = match scenario {
            Scenario::DealDay => (30.0, 4, 35),
            Scenario::Tuesday => (120.0, 7, 50),
        };
        Ok(Self {
            options: Options {
                excerpt: Some(Excerpt {
                    bursts,
                    longest_gap: minutes * MINUTE,
                }),
                ..Options::new(scenario)?
            },
            factor,
        })
    }

    /// The words that say the same.
    pub(super) fn words(&self) -> Vec<String> {
        let excerpt = self.options.excerpt.map_or(0, |excerpt| excerpt.bursts);
        let name = self.options.scenario.name();
        [
            name,
            "--seed",
            &self.options.seed.to_string(),
            "--bursts",
            &excerpt.to_string(),
        ]
        .map(str::to_owned)
        .to_vec()
    }

    /// In milliseconds of the endpoints' time.
    pub(super) fn longest_gap(&self) -> u64 {
        self.options
            .excerpt
            .map_or(0, |excerpt| excerpt.longest_gap)
    }

    /// Milliseconds of the endpoints' time in ours.
    pub(super) fn real(&self, milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds).div_f64(self.factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Order> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        Order::parse(&words)
    }

    #[test]
    fn an_order_is_read_and_said_again() {
        let order = parse(&["deal-day", "--bursts", "2", "--seed", "7"]).unwrap();
        assert_eq!(order.options.seed, 7);
        let words = order.words();
        let again = Order::parse(&words).unwrap();
        assert_eq!((again.options, again.factor), (order.options, order.factor));
        for scenario in Scenario::ALL {
            let order = parse(&[scenario.name()]).unwrap();
            assert!(order.options.excerpt.is_some_and(|part| part.bursts > 1));
            assert_eq!(order.real(60_000).as_secs_f64(), 60.0 / order.factor);
        }
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (words, why) in [
            (&[][..], "deal-day or tuesday"),
            (&["wednesday"], "wednesday"),
            (&["tuesday", "--bursts"], "--bursts needs a number"),
            (&["tuesday", "--bursts", "0"], "from 1 on"),
            (
                &["tuesday", "--set", "MaxInstances=2"],
                "--set is not understood",
            ),
        ] {
            let error = parse(words).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
