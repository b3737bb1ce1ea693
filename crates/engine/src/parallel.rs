//! The same question about many things, a few at a time.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Asks `ask` of every item, `width` at a time, and answers in the items' order.
/// Who is done takes the next item, so that one slow answer holds up nobody.
pub(crate) fn parallel_map<T: Sync, A: Send>(
    width: usize,
    items: &[T],
    ask: impl Fn(&T) -> A + Sync,
) -> Vec<A> {
    let next = AtomicUsize::new(0);
    let answers = Mutex::new(Vec::with_capacity(items.len()));
    std::thread::scope(|threads| {
        for _ in 0..width.min(items.len()) {
            threads.spawn(|| {
                while let Some((at, item)) = {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    items.get(at).map(|item| (at, item))
                } {
                    let answer = ask(item);
                    answers.lock().expect("no thread panics").push((at, answer));
                }
            });
        }
    });
    let mut answers = answers.into_inner().expect("no thread panics");
    answers.sort_by_key(|(at, _)| *at);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn answers_come_in_the_order_of_the_items() {
        let items: Vec<usize> = (0..100).collect();
        let answers = parallel_map(7, &items, |item| item * 2);
        assert_eq!(answers, (0..100).map(|i| i * 2).collect::<Vec<_>>());
        assert!(parallel_map(7, &[], |item: &usize| *item).is_empty());
    }

    /// With fewer at a time, nobody would pass the barrier.
    #[test]
    fn so_many_are_asked_at_a_time() {
        let barrier = Barrier::new(4);
        let answers = parallel_map(4, &[1, 2, 3, 4], |item| {
            barrier.wait();
            *item
        });
        assert_eq!(answers, [1, 2, 3, 4]);
    }
}
