//! The line in front of the writer under thousands of schedules: nobody waits for ever, and everybody is answered.
//!
//! The line is compiled once more, with locks that the test schedules. `ENGINE_LOG_SCHEDULES=1000000 cargo test
//! --release -p engine-log interleavings` is the long run.

#[path = "line.rs"]
#[allow(clippy::duplicate_mod)] // that is what it is about
mod line;
mod sync;

use std::{
    collections::VecDeque,
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use line::{Closed, Drained, Line, UNIT, Weighed};
use shuttle::{
    future::block_on,
    sync::{
        Arc, Mutex,
        mpsc::{Sender, channel},
    },
    thread,
};

#[derive(Debug)]
struct Job {
    client: usize,
    number: usize,
    bytes: usize,
    reply: Sender<Answer>,
}

impl Weighed for Job {
    fn bytes(&self) -> usize {
        self.bytes
    }
}

/// What a client was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Done,
    /// The writer is poisoned.
    Refused,
    /// The line was closed before the job was handed over.
    NotTaken,
    /// The writer was gone before it answered.
    Lost,
}

/// How the writer comes to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// When the line is closed and empty.
    Closed,
    /// After so many jobs its disk fails: it refuses all others.
    PoisonedAfter(usize),
    /// After so many jobs it panics.
    GoneAfter(usize),
}

/// Jobs by client and number, in the order in which they were done.
type Done = Arc<Mutex<Vec<(usize, usize)>>>;

/// Works as [`super::Writer::run`] does, as far as waiting goes.
fn write(line: &Line<Job>, fate: Fate, patience: Option<Duration>, done: &Done) {
    let mut jobs = VecDeque::new();
    loop {
        match line.drain(&mut jobs, patience) {
            Drained::Jobs => {}
            Drained::Nothing => continue,
            Drained::Closed => return,
        }
        while let Some(job) = jobs.pop_front() {
            let count = done.lock().unwrap().len();
            if fate == Fate::GoneAfter(count) {
                return;
            }
            let answer = if fate == Fate::PoisonedAfter(count) { Answer::Refused } else { Answer::Done };
            if answer == Answer::Done {
                done.lock().unwrap().push((job.client, job.number));
            }
            job.reply.send(answer).unwrap();
        }
    }
}

/// Asks and waits for the answer, as [`crate::LogStore`] does.
fn ask(line: &Line<Job>, client: usize, number: usize) -> Answer {
    let (reply, answer) = channel();
    // Every second job takes all the room there is.
    let job = Job { client, number, bytes: number % 2 * 5 * UNIT, reply };
    match block_on(line.push(job)) {
        Err(Closed) => Answer::NotTaken,
        Ok(()) => answer.recv().unwrap_or(Answer::Lost),
    }
}

const CLIENTS: usize = 3;
const JOBS: usize = 2;

/// Runs clients beside the writer, and answers what they were told and what was done. Closes the line while they are
/// at it, or behind them.
fn run(
    fate: Fate,
    closed_meanwhile: bool,
    patience: Option<Duration>,
) -> (Vec<Vec<Answer>>, Vec<(usize, usize)>) {
    let line = Arc::new(Line::new(2 * UNIT));
    let done = Done::default();
    let writer = thread::spawn({
        let (line, done) = (line.clone(), done.clone());
        move || {
            write(&line, fate, patience, &done);
            line.abandon();
        }
    });
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let line = line.clone();
            thread::spawn(move || (0..JOBS).map(|number| ask(&line, client, number)).collect())
        })
        .collect();
    if closed_meanwhile {
        line.close();
    }
    let answers = clients.into_iter().map(|client| client.join().unwrap()).collect();
    line.close();
    writer.join().unwrap();
    let done = done.lock().unwrap().clone();
    (answers, done)
}

/// Checks that what was told was so, and that each client's jobs were done in their order.
fn check(answers: &[Vec<Answer>], done: &[(usize, usize)]) {
    for (client, answers) in answers.iter().enumerate() {
        let told: Vec<_> = (0..JOBS)
            .filter(|number| answers[*number] == Answer::Done)
            .map(|number| (client, number))
            .collect();
        let of_client: Vec<_> = done.iter().filter(|(of, _)| *of == client).copied().collect();
        assert_eq!(told, of_client);
    }
}

/// Tries random schedules, and those that let one thread wait as long as possible at a few places.
fn under_all_schedules(test: impl Fn() + Send + Sync + Copy + 'static) {
    let schedules = std::env::var("ENGINE_LOG_SCHEDULES").map_or(1_000, |text| text.parse().unwrap());
    shuttle::check_random(test, schedules);
    shuttle::check_pct(test, schedules, 3);
}

#[test]
fn everybody_is_answered_and_in_order_however_little_room_there_is() {
    under_all_schedules(|| {
        let (answers, done) = run(Fate::Closed, false, None);
        assert_eq!(answers, vec![vec![Answer::Done; JOBS]; CLIENTS]);
        check(&answers, &done);
    });
}

#[test]
fn a_writer_that_wakes_by_itself_now_and_then_misses_nothing() {
    under_all_schedules(|| {
        let (answers, done) = run(Fate::Closed, false, Some(Duration::from_millis(1)));
        assert_eq!(answers, vec![vec![Answer::Done; JOBS]; CLIENTS]);
        check(&answers, &done);
    });
}

#[test]
fn what_was_handed_over_before_the_line_was_closed_is_done_and_all_else_is_refused() {
    under_all_schedules(|| {
        let (answers, done) = run(Fate::Closed, true, None);
        assert!(answers.iter().flatten().all(|answer| matches!(answer, Answer::Done | Answer::NotTaken)));
        check(&answers, &done);
    });
}

#[test]
fn a_poisoned_writer_answers_everybody() {
    for closed_meanwhile in [false, true] {
        under_all_schedules(move || {
            let (answers, done) = run(Fate::PoisonedAfter(2), closed_meanwhile, None);
            let lost = answers.iter().flatten().filter(|answer| **answer == Answer::Lost).count();
            assert!(done.len() <= 2 && lost == 0, "{answers:?}");
            check(&answers, &done);
        });
    }
}

#[test]
fn nobody_waits_for_a_writer_that_is_gone() {
    for closed_meanwhile in [false, true] {
        under_all_schedules(move || {
            let (answers, done) = run(Fate::GoneAfter(1), closed_meanwhile, None);
            assert!(done.len() <= 1);
            check(&answers, &done);
        });
    }
}

#[test]
fn a_caller_that_gives_up_while_it_waits_for_room_takes_none_with_it() {
    under_all_schedules(|| {
        let line = Arc::new(Line::new(UNIT));
        let quitter = thread::spawn({
            let line = line.clone();
            move || {
                let (reply, answer) = channel();
                let job = Job { client: 9, number: 0, bytes: 0, reply };
                let handed_over = {
                    let mut push = pin!(line.push(job));
                    push.as_mut().poll(&mut Context::from_waker(Waker::noop())) == Poll::Ready(Ok(()))
                };
                assert!(!handed_over || answer.recv() == Ok(Answer::Done));
            }
        });
        let done = Done::default();
        let writer = thread::spawn({
            let (line, done) = (line.clone(), done.clone());
            move || write(&line, Fate::Closed, None, &done)
        });
        assert_eq!([0, 1].map(|number| ask(&line, 1, number)), [Answer::Done; 2]);
        quitter.join().unwrap();
        line.close();
        writer.join().unwrap();
    });
}
