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
    sync::atomic::{AtomicUsize, Ordering},
    task::{Context, Poll, Waker},
    time::Duration,
};

use line::{Closed, Line, Taken, UNIT, Weighed, Worker};
use shuttle::{
    future::{block_on, yield_now},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, Sender, channel},
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

impl Job {
    /// Every second job takes all the room there is.
    fn new(client: usize, number: usize) -> (Self, Receiver<Answer>) {
        let (reply, answer) = channel();
        (Job { client, number, bytes: number % 2 * 5 * UNIT, reply }, answer)
    }
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

/// Works as [`super::Writer`] does, as far as waiting goes. There is one, which cannot be in two places at once.
#[derive(Debug)]
struct Writer {
    fate: Fate,
    patience: Option<Duration>,
    done: Done,
}

impl Worker<Job> for Writer {
    fn patience(&self) -> Option<Duration> {
        self.patience
    }

    fn may_be_led(&self, job: &Job) -> bool {
        job.bytes == 0
    }
}

impl Writer {
    fn work(&self, job: &Job) {
        let mut done = self.done.lock().unwrap();
        let answer =
            if self.fate == Fate::PoisonedAfter(done.len()) { Answer::Refused } else { Answer::Done };
        if answer == Answer::Done {
            done.push((job.client, job.number));
        }
        drop(done);
        job.reply.send(answer).unwrap();
    }
}

#[derive(Debug, Clone)]
struct World {
    line: Arc<Line<Job, Writer>>,
    fate: Fate,
    done: Done,
    /// How often a caller led.
    led: Arc<AtomicUsize>,
}

impl World {
    fn new(units: usize, fate: Fate, patience: Option<Duration>) -> Self {
        let done = Done::default();
        let writer = Writer { fate, patience, done: done.clone() };
        World { line: Arc::new(Line::new(units * UNIT, writer)), fate, done, led: Arc::default() }
    }

    fn is_over(&self) -> bool {
        self.fate == Fate::GoneAfter(self.done.lock().unwrap().len())
    }

    /// Works as [`super::run`] does.
    fn write(&self) {
        let (mut jobs, mut back) = (VecDeque::new(), None);
        loop {
            let writer = match self.line.take(back.take(), &mut jobs) {
                Taken::Jobs(writer) | Taken::Due(writer) => writer,
                Taken::Closed(_) | Taken::Gone => return,
            };
            while let Some(job) = jobs.pop_front() {
                if self.is_over() {
                    return;
                }
                writer.work(&job);
            }
            back = Some(writer);
        }
    }

    fn writer(&self) -> thread::JoinHandle<()> {
        let world = self.clone();
        thread::spawn(move || {
            world.write();
            world.line.abandon();
        })
    }

    /// Hands a job over and does what is to be done for it, as [`crate::LogStore`] and [`super::leading`] do.
    async fn hand_over(&self, job: Job) -> Result<(), Closed> {
        if let Some(duty) = self.line.push(job).await? {
            yield_now().await;
            if let Some(led) = duty.lead()
                && !self.is_over()
            {
                self.led.fetch_add(1, Ordering::Relaxed);
                led.work(|writer, job| writer.work(&job));
            }
        }
        Ok(())
    }

    fn ask(&self, client: usize, number: usize) -> Answer {
        let (job, answer) = Job::new(client, number);
        told(block_on(self.hand_over(job)), &answer)
    }
}

fn told(handed_over: Result<(), Closed>, answer: &Receiver<Answer>) -> Answer {
    match handed_over {
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
    let world = World::new(2, fate, patience);
    let writer = world.writer();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let world = world.clone();
            thread::spawn(move || (0..JOBS).map(|number| world.ask(client, number)).collect())
        })
        .collect();
    if closed_meanwhile {
        world.line.close();
    }
    let answers = clients.into_iter().map(|client| client.join().unwrap()).collect();
    world.line.close();
    writer.join().unwrap();
    let done = world.done.lock().unwrap().clone();
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
        let world = World::new(1, Fate::Closed, None);
        let quitter = thread::spawn({
            let world = world.clone();
            move || {
                let (job, answer) = Job::new(9, 0);
                let handed_over = {
                    let mut push = pin!(world.line.push(job));
                    match push.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                        Poll::Ready(pushed) => pushed.map(drop).is_ok(),
                        Poll::Pending => false,
                    }
                };
                assert!(!handed_over || answer.recv() == Ok(Answer::Done));
            }
        });
        let writer = world.writer();
        assert_eq!([0, 1].map(|number| world.ask(1, number)), [Answer::Done; 2]);
        quitter.join().unwrap();
        world.line.close();
        writer.join().unwrap();
    });
}

/// Polls once, and says whether that was the end of it.
fn begin(handing_over: std::pin::Pin<&mut impl Future>) -> bool {
    handing_over.poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

#[test]
fn what_was_handed_over_is_done_though_the_caller_gives_up_before_it_leads() {
    under_all_schedules(|| {
        let world = World::new(9, Fate::Closed, None);
        let writer = world.writer();
        let quitter = thread::spawn({
            let world = world.clone();
            move || {
                let (job, answer) = Job::new(9, 0);
                begin(pin!(world.hand_over(job)));
                assert_eq!(answer.recv(), Ok(Answer::Done));
            }
        });
        assert_eq!([0, 1].map(|number| world.ask(1, number)), [Answer::Done; 2]);
        quitter.join().unwrap();
        world.line.close();
        writer.join().unwrap();
    });
}

#[test]
fn nobody_waits_for_a_caller_who_never_goes_on() {
    under_all_schedules(|| {
        let world = World::new(9, Fate::Closed, None);
        let writer = world.writer();
        let (job, answer) = Job::new(9, 0);
        let mut sluggard = pin!(world.hand_over(job));
        begin(sluggard.as_mut());
        let other = thread::spawn({
            let world = world.clone();
            move || world.ask(1, 0)
        });
        // The sluggard's own thread goes on without it, and so do others.
        assert_eq!(world.ask(2, 0), Answer::Done);
        assert_eq!(other.join().unwrap(), Answer::Done);
        assert_eq!(answer.recv(), Ok(Answer::Done), "it was in line before them");
        world.line.close();
        writer.join().unwrap();
    });
}

#[test]
fn callers_in_one_thread_are_answered_in_the_order_in_which_they_came() {
    under_all_schedules(|| {
        let world = World::new(2, Fate::Closed, None);
        let writer = world.writer();
        let other = thread::spawn({
            let world = world.clone();
            move || world.ask(1, 0)
        });
        let ((first, first_answer), (second, second_answer)) = (Job::new(0, 0), Job::new(0, 1));
        let handed_over = block_on(async { tokio::join!(world.hand_over(first), world.hand_over(second)) });
        assert_eq!(told(handed_over.0, &first_answer), Answer::Done);
        assert_eq!(told(handed_over.1, &second_answer), Answer::Done);
        assert_eq!(other.join().unwrap(), Answer::Done);
        world.line.close();
        writer.join().unwrap();
        let done = world.done.lock().unwrap();
        assert!(done.iter().position(|job| *job == (0, 0)) < done.iter().position(|job| *job == (0, 1)));
    });
}

#[test]
fn a_caller_who_is_alone_leads_unless_the_thread_is_about_to_look() {
    static LED: AtomicUsize = AtomicUsize::new(0);
    static NOT_LED: AtomicUsize = AtomicUsize::new(0);
    under_all_schedules(|| {
        let world = World::new(2, Fate::Closed, None);
        let writer = world.writer();
        assert_eq!(world.ask(0, 0), Answer::Done);
        let count = if world.led.load(Ordering::Relaxed) == 1 { &LED } else { &NOT_LED };
        count.fetch_add(1, Ordering::Relaxed);
        world.line.close();
        writer.join().unwrap();
    });
    assert!(LED.load(Ordering::Relaxed) > 0 && NOT_LED.load(Ordering::Relaxed) > 0);
}
