//! The count of failed tries to sign in: for which account, from which address. It is kept in memory, by each node, and never larger
//! than a bound, whatever logins and addresses are made up. It knows no password, no database and no request; time is an argument.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::domain::ids::UserId;
use crate::domain::moment::Moment;
use crate::domain::token::hash;

/// Failed tries are forgotten after this.
pub const WINDOW: Duration = Duration::from_secs(15 * 60);
const PER_ACCOUNT: usize = 10;
const PER_ADDRESS: usize = 100;
/// An account that strangers try from many addresses gets one try each so often, from wherever.
const FROM_ANYWHERE: usize = 100;
const SLOWED: Duration = Duration::from_secs(2);
/// Counters that are kept; with two password checks at a time this is more than can be filled honestly in a quarter of an hour.
const MOST_COUNTERS: usize = 30_000;
/// Places that are remembered from which somebody signed in.
const MOST_PLACES: usize = 10_000;
/// A provider gives a customer a /64; a machine can have any address of it.
const IPV6_PREFIX: u8 = 64;

/// Whose password is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Whose {
    /// Of somebody who is signed in.
    Account(UserId),
    /// What was typed at the door, whoever has that name, if anybody has: the counts of an account's login and e-mail would tell strangers
    /// that they belong together, and that there is such an account. A hash: as many bytes however long it is.
    Named([u8; 16]),
}

impl Whose {
    pub fn named(name: &str) -> Self {
        let mut short = [0; 16];
        for (to, from) in short.iter_mut().zip(hash(name)) {
            *to = from;
        }
        Whose::Named(short)
    }
}

/// Where a try comes from; all that come from nowhere known are one.
type Place = Option<IpNet>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Counted {
    Account(Whose, Place),
    Address(Place),
    Anywhere(Whose),
}

#[derive(Default)]
pub struct Tries {
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    failures: HashMap<Counted, VecDeque<Moment>>,
    /// From where an account was signed in to, and when last.
    known: HashMap<(Whose, Place), Moment>,
    /// When it was last told that an account had all its tries from somewhere.
    told: HashMap<UserId, Moment>,
}

impl Tries {
    /// Refuses a try when too many have failed, with the time to wait: 10 for this account from this address, 100 from this address,
    /// in 15 minutes. 100 for this account from anywhere only slow it down, and not for who signed in from the same address before:
    /// a stranger must not lock somebody out, who would have to be quicker than all of them. A try counts as failed until it is
    /// taken back: of many at once, no more than these reach a password.
    pub fn admit(&self, whose: Whose, address: Option<IpAddr>, now: Moment) -> Result<(), Duration> {
        let place = place(address);
        let mut table = self.table();
        for (counted, most) in limits(whose, place) {
            if matches!(counted, Counted::Anywhere(_)) && table.known.contains_key(&(whose, place)) {
                continue;
            }
            let Some(times) = table.failures.get_mut(&counted) else {
                continue;
            };
            times.retain(|at| now.since(*at) < WINDOW);
            if times.len() < most {
                continue;
            }
            let free_at = match (counted, times.front(), times.back()) {
                (Counted::Anywhere(_), _, Some(last)) => *last + SLOWED,
                (_, Some(first), _) => *first + WINDOW,
                _ => now,
            };
            if free_at > now {
                return Err(free_at.since(now));
            }
        }
        table.make_room(now);
        for (counted, _) in limits(whose, place) {
            table.failures.entry(counted).or_default().push_back(now);
        }
        Ok(())
    }

    /// The try that was admitted was right. What failed before it stays counted: somebody else at the same address may have failed.
    pub fn succeeded(&self, whose: Whose, address: Option<IpAddr>, now: Moment) {
        self.take_back(whose, address);
        let mut table = self.table();
        if table.known.len() >= MOST_PLACES {
            drop_oldest(&mut table.known, MOST_PLACES / 4, |at| *at);
        }
        table.known.insert((whose, place(address)), now);
    }

    /// The try that was admitted came to no end.
    pub fn take_back(&self, whose: Whose, address: Option<IpAddr>) {
        let mut table = self.table();
        for (counted, _) in limits(whose, place(address)) {
            if let Some(times) = table.failures.get_mut(&counted) {
                times.pop_back();
                if times.is_empty() {
                    table.failures.remove(&counted);
                }
            }
        }
    }

    /// How many more tries this account has from this address.
    pub fn left(&self, whose: Whose, address: Option<IpAddr>) -> usize {
        let table = self.table();
        let failed = table.failures.get(&Counted::Account(whose, place(address)));
        PER_ACCOUNT.saturating_sub(failed.map_or(0, VecDeque::len))
    }

    /// Whether it is to be told that this account has had all its tries from an address: once in a while, from however many it is tried.
    pub fn is_news(&self, account: UserId, now: Moment) -> bool {
        let mut table = self.table();
        // Of accounts that exist, of which there are few.
        table.told.retain(|_, at| now.since(*at) < WINDOW);
        let is_news = !table.told.contains_key(&account);
        if is_news {
            table.told.insert(account, now);
        }
        is_news
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Counters are right whoever panicked beside them.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// Room for the counters of one more try: what is forgotten anyway goes first, then what failed longest ago.
    fn make_room(&mut self, now: Moment) {
        if self.failures.len() + 3 <= MOST_COUNTERS {
            return;
        }
        self.failures
            .retain(|_, times| times.back().is_some_and(|at| now.since(*at) < WINDOW));
        if self.failures.len() > MOST_COUNTERS / 4 * 3 {
            let last = |times: &VecDeque<Moment>| times.back().copied().unwrap_or_default();
            drop_oldest(&mut self.failures, MOST_COUNTERS / 4, last);
        }
    }
}

/// A quarter at a time, so that the look at all of them is seldom.
fn drop_oldest<K: Eq + Hash, V>(map: &mut HashMap<K, V>, count: usize, when: impl Fn(&V) -> Moment) {
    let mut times: Vec<Moment> = map.values().map(&when).collect();
    if times.len() <= count {
        map.clear();
        return;
    }
    let (_, edge, _) = times.select_nth_unstable(count);
    let (edge, mut left) = (*edge, count);
    map.retain(|_, value| {
        let goes = left > 0 && when(value) <= edge;
        left -= usize::from(goes);
        !goes
    });
}

fn place(address: Option<IpAddr>) -> Place {
    Some(match address?.to_canonical() {
        IpAddr::V4(address) => IpNet::V4(Ipv4Net::from(address)),
        IpAddr::V6(address) => IpNet::V6(Ipv6Net::new(address, IPV6_PREFIX).unwrap_or(address.into()).trunc()),
    })
}

fn limits(whose: Whose, place: Place) -> [(Counted, usize); 3] {
    [
        (Counted::Account(whose, place), PER_ACCOUNT),
        (Counted::Address(place), PER_ADDRESS),
        (Counted::Anywhere(whose), FROM_ANYWHERE),
    ]
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    const NOW: Moment = Moment(1_000_000_000_000);
    const HERE: Option<IpAddr> = Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
    const ADA: Whose = Whose::Account(UserId(1));
    const BOB: Whose = Whose::Account(UserId(2));

    fn v4(number: u32) -> Option<IpAddr> {
        Some(Ipv4Addr::from(number).into())
    }

    fn v6(text: &str) -> Option<IpAddr> {
        Some(text.parse::<Ipv6Addr>().unwrap().into())
    }

    #[test]
    fn ten_failures_lock_the_account_for_this_address_until_the_first_is_forgotten() {
        let tries = Tries::default();
        for left in (0..10).rev() {
            tries.admit(ADA, HERE, NOW).unwrap();
            assert_eq!(tries.left(ADA, HERE), left);
        }

        assert_eq!(
            tries.admit(ADA, HERE, NOW + Duration::from_secs(60)),
            Err(WINDOW - Duration::from_secs(60))
        );
        tries.admit(BOB, HERE, NOW).unwrap();
        tries.admit(ADA, v4(1), NOW).unwrap();
        tries.admit(ADA, HERE, NOW + WINDOW).unwrap();
    }

    #[test]
    fn a_hundred_failures_lock_the_address_for_all_accounts() {
        let tries = Tries::default();
        for number in 0..100 {
            tries.admit(Whose::named(&format!("user {number}")), HERE, NOW).unwrap();
        }

        assert!(tries.admit(ADA, HERE, NOW).is_err());
        assert!(tries.admit(ADA, None, NOW).is_ok());
    }

    #[test]
    fn only_failures_count_and_a_success_takes_none_of_them_back() {
        let tries = Tries::default();
        for _ in 0..3 {
            tries.admit(ADA, HERE, NOW).unwrap();
        }
        for _ in 0..200 {
            tries.admit(ADA, HERE, NOW).unwrap();
            tries.succeeded(ADA, HERE, NOW);
        }

        assert_eq!(tries.left(ADA, HERE), 7);
    }

    #[test]
    fn failures_from_many_addresses_slow_an_account_and_do_not_lock_it() {
        let tries = Tries::default();
        for number in 0..100 {
            tries.admit(ADA, v4(number), NOW).unwrap();
        }

        assert_eq!(
            tries.admit(ADA, HERE, NOW + Duration::from_secs(1)),
            Err(Duration::from_secs(1))
        );
        tries.admit(ADA, HERE, NOW + SLOWED).unwrap();
        assert!(tries.admit(ADA, HERE, NOW + SLOWED + Duration::from_secs(1)).is_err());
    }

    #[test]
    fn who_signed_in_from_an_address_before_is_not_slowed_there_by_strangers() {
        let tries = Tries::default();
        tries.admit(ADA, HERE, NOW).unwrap();
        tries.succeeded(ADA, HERE, NOW);
        for number in 0..100 {
            tries.admit(ADA, v4(number), NOW).unwrap();
        }

        assert!(tries.admit(ADA, v4(200), NOW).is_err());
        for _ in 0..10 {
            tries.admit(ADA, HERE, NOW).unwrap();
        }
        assert!(tries.admit(ADA, HERE, NOW).is_err(), "ten failures lock it there too");
    }

    #[test]
    fn all_addresses_of_a_64_are_one_and_a_mapped_one_is_its_ipv4_address() {
        let tries = Tries::default();
        for number in 0..10 {
            tries
                .admit(ADA, v6(&format!("2001:db8:1:2:{number}::{number}")), NOW)
                .unwrap();
            tries.admit(BOB, v6("::ffff:127.0.0.1"), NOW).unwrap();
        }

        assert!(tries.admit(ADA, v6("2001:db8:1:2:ffff::1"), NOW).is_err());
        assert!(tries.admit(ADA, v6("2001:db8:1:3::1"), NOW).is_ok());
        assert!(tries.admit(BOB, HERE, NOW).is_err());
    }

    #[test]
    fn made_up_logins_and_addresses_fill_no_memory_and_hide_no_account_that_is_tried() {
        let tries = Tries::default();
        for number in 0..100_000 {
            let at = NOW + Duration::from_millis(5) * number;
            let name = Whose::named(&format!("{number}{}", "x".repeat(100)));
            assert!(tries.admit(name, v4(number), at).is_ok());
            if number < 100 {
                tries.admit(ADA, v4(1_000_000 + number), at).unwrap();
            } else if number.is_multiple_of(1_000) {
                let _ = tries.admit(ADA, v4(2_000_000 + number), at);
            }
            assert!(tries.table().failures.len() <= MOST_COUNTERS);
        }

        let at = NOW + Duration::from_secs(500);
        tries.admit(ADA, v4(3_000_000), at).unwrap();
        assert!(tries.admit(ADA, v4(3_000_001), at + Duration::from_secs(1)).is_err());
    }

    #[test]
    fn the_oldest_go_first_and_no_more_than_asked() {
        let mut map: HashMap<u8, Moment> = (0..8).map(|key| (key, Moment(i64::from(key / 2)))).collect();

        drop_oldest(&mut map, 3, |at| *at);

        assert_eq!(map.len(), 5);
        assert!((4..8).all(|key| map.contains_key(&key)), "{map:?}");
    }
}
