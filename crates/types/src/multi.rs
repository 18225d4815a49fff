//! Decisions of several steps, in which each step sees the state after the steps before it.

use crate::Aggregate;

/// Collects the events of several steps; each step sees the state that the earlier steps led to.
///
/// All events are appended together or, when any step is refused, none.
///
/// ```
/// # use engine_types::{Aggregate, Multi};
/// # use engine_macros::Event;
/// # #[derive(Event)] #[event(crate = engine_types)] pub enum Counted { One }
/// # #[derive(Debug, thiserror::Error)] #[error("full at {0}")] pub struct Full(u32);
/// # #[derive(Default, Clone, serde::Serialize, serde::Deserialize)] pub struct Counter { count: u32 }
/// # impl Aggregate for Counter {
/// #     const CATEGORY: &str = "counter"; type Event = Counted; type Rejection = Full;
/// #     fn evolve(self, _: &Counted) -> Self { Counter { count: self.count + 1 } }
/// # }
/// # impl Counter { fn count_one(&self) -> Result<Vec<Counted>, Full> {
/// #     if self.count == 3 { Err(Full(3)) } else { Ok(vec![Counted::One]) } } }
/// fn count_twice(counter: &Counter) -> Result<Vec<Counted>, Full> {
///     Multi::on(counter).step(Counter::count_one)?.step(Counter::count_one)?.done()
/// }
/// assert_eq!(count_twice(&Counter::default()).unwrap().len(), 2);
/// assert!(count_twice(&Counter { count: 2 }).is_err());
/// ```
#[derive(Debug, Clone)]
pub struct Multi<A: Aggregate> {
    state: A,
    events: Vec<A::Event>,
}

impl<A: Aggregate> Multi<A> {
    /// Begins with the present state of `aggregate`.
    pub fn on(aggregate: &A) -> Self {
        Multi { state: aggregate.clone(), events: Vec::new() }
    }

    /// Runs one step on the state so far and folds its events in.
    ///
    /// # Errors
    /// The step's refusal; the steps before it are dropped with it.
    pub fn step<E>(mut self, step: impl FnOnce(&A) -> Result<Vec<A::Event>, E>) -> Result<Self, E> {
        let events = step(&self.state)?;
        self.state = crate::aggregate::fold(self.state, &events);
        self.events.extend(events);
        Ok(self)
    }

    /// Runs one step for each item, in order.
    ///
    /// # Errors
    /// The first refusal; all steps are dropped with it.
    pub fn each<T, E>(
        self,
        items: impl IntoIterator<Item = T>,
        mut step: impl FnMut(&A, T) -> Result<Vec<A::Event>, E>,
    ) -> Result<Self, E> {
        items.into_iter().try_fold(self, |multi, item| multi.step(|state| step(state, item)))
    }

    /// The state after the steps so far.
    pub fn state(&self) -> &A {
        &self.state
    }

    /// Ends the decision: the events of all steps, in order.
    ///
    /// # Errors
    /// Never; the type lets a decision end in `.done()`.
    pub fn done<E>(self) -> Result<Vec<A::Event>, E> {
        Ok(self.events)
    }
}
