//! For whom a connection stays awake, and for how long.

use futures_test::task::{AwokenCount, new_count_waker};
use tokio::io::{DuplexStream, duplex};

use super::*;

const MOMENT: Duration = Duration::from_micros(300);

/// A client that was prompt so many times, and was answered just now.
fn prompt(times: u32, now: Instant) -> Awake<()> {
    let mut awake = awake((), MOMENT);
    for _ in 0..times {
        awake.answered(now);
        awake.heard(HEAD, now);
    }
    awake.answered(now);
    awake
}

/// However many processors there are.
fn awake<S>(stream: S, within: Duration) -> Awake<S> {
    Awake { within, ..Awake::new(stream, within) }
}

#[test]
fn a_client_that_was_prompt_often_enough_is_waited_for_but_not_for_longer_than_a_moment() {
    let now = Instant::now();
    assert!(!prompt(ENOUGH - 1, now).is_worth_a_moment(now));
    let awake = prompt(ENOUGH, now);
    assert!(awake.is_worth_a_moment(now));
    assert!(!awake.is_worth_a_moment(now + MOMENT));
}

#[test]
fn a_client_that_takes_its_time_now_and_then_is_waited_for_and_one_that_does_so_again_is_not() {
    let now = Instant::now();
    let mut awake = prompt(MOST, now);
    awake.heard(HEAD, now + MOMENT);
    awake.answered(now);
    assert!(awake.is_worth_a_moment(now), "once");
    awake.heard(HEAD, now + MOMENT);
    awake.answered(now);
    assert!(!awake.is_worth_a_moment(now), "twice");
}

#[test]
fn a_subscriber_who_is_told_one_thing_after_the_other_is_not_waited_for() {
    let mut now = Instant::now();
    let mut awake = prompt(MOST, now);
    for _ in 0..2 {
        now += MOMENT;
        awake.answered(now);
    }
    assert!(!awake.is_worth_a_moment(now));
}

#[test]
fn one_who_only_grants_room_for_more_is_not_prompt() {
    let now = Instant::now();
    let mut awake = awake((), MOMENT);
    for _ in 0..MOST {
        awake.answered(now);
        awake.heard(NO_CALL, now);
    }
    awake.answered(now);
    assert!(!awake.is_worth_a_moment(now));
}

#[test]
fn one_who_speaks_for_many_is_not_waited_for() {
    let now = Instant::now();
    let mut awake = prompt(MOST, now);
    for _ in 0..2 {
        awake.heard(MUCH, now);
        awake.answered(now);
    }
    assert!(!awake.is_worth_a_moment(now));
}

#[test]
fn nobody_is_waited_for_for_ever() {
    assert!(Awake::new((), Duration::MAX).within <= LONGEST);
}

#[test]
fn answers_that_are_written_in_pieces_are_one() {
    let mut now = Instant::now();
    let mut awake = prompt(ENOUGH, now);
    for _ in 0..10 {
        now += MOMENT / 2;
        awake.answered(now);
    }
    assert!(awake.is_worth_a_moment(now));
}

#[test]
fn the_rest_of_a_call_is_waited_for_and_a_whole_one_needs_no_more() {
    let now = Instant::now();
    let mut awake = prompt(ENOUGH, now);
    awake.heard(HEAD - 1, now);
    assert!(awake.is_worth_a_moment(now));
    assert!(!awake.is_worth_a_moment(now + REST_WITHIN));
    awake.heard(HEAD, now);
    assert!(!awake.is_worth_a_moment(now), "it is carried out, and others may be waited for");
}

#[test]
fn without_a_moment_no_client_is_waited_for() {
    let now = Instant::now();
    let mut awake = awake((), Duration::ZERO);
    for _ in 0..MOST {
        awake.answered(now);
        awake.heard(HEAD, now);
    }
    awake.answered(now);
    assert!(!awake.is_worth_a_moment(now));
}

/// Lets a client be answered and go on at once, just often enough.
fn become_prompt(
    awake: &mut Awake<DuplexStream>,
    there: &mut DuplexStream,
    context: &mut Context<'_>,
    woken: &AwokenCount,
) {
    let mut room = [0; HEAD];
    for _ in 0..ENOUGH {
        assert!(Pin::new(&mut *awake).poll_write(context, b"answer").is_ready());
        assert!(Pin::new(&mut *there).poll_read(context, &mut ReadBuf::new(&mut room)).is_ready());
        assert_eq!(woken.get(), 0, "not prompt for long enough");
        assert!(Pin::new(&mut *there).poll_write(context, &[0; HEAD]).is_ready());
        assert!(Pin::new(&mut *awake).poll_read(context, &mut ReadBuf::new(&mut room)).is_ready());
    }
}

#[test]
fn while_a_prompt_client_is_waited_for_the_task_comes_again_and_again() {
    let (here, mut there) = duplex(4 * HEAD);
    let mut awake = awake(here, Duration::from_secs(3_600));
    let (waker, woken) = new_count_waker();
    let mut context = Context::from_waker(&waker);
    become_prompt(&mut awake, &mut there, &mut context, &woken);
    let mut room = [0; HEAD];
    assert!(Pin::new(&mut awake).poll_write(&mut context, b"answer").is_ready());
    for turn in 1..4 {
        assert_eq!(woken.get(), turn);
        assert!(Pin::new(&mut awake).poll_read(&mut context, &mut ReadBuf::new(&mut room)).is_pending());
    }
}

#[test]
fn a_client_that_does_not_read_is_not_waited_for_with_open_eyes() {
    let (here, mut there) = duplex(2 * HEAD);
    let mut awake = awake(here, Duration::from_secs(3_600));
    let (waker, woken) = new_count_waker();
    let mut context = Context::from_waker(&waker);
    become_prompt(&mut awake, &mut there, &mut context, &woken);
    assert!(Pin::new(&mut awake).poll_write(&mut context, &[0; 2 * HEAD]).is_ready());
    let before = woken.get();
    for _ in 0..4 {
        assert!(Pin::new(&mut awake).poll_write(&mut context, b"more").is_pending());
    }
    assert_eq!(woken.get(), before);
}
