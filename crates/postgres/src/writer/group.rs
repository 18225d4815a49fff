//! Orders that are carried out together.

use engine_store::AppendError;
use engine_types::{ExpectedRevision, StreamName};

use super::Order;
use crate::{
    error::Trouble,
    plan::{Job, Plan},
};

/// Orders that are carried out together, and which of them may have been carried out already.
#[derive(Debug)]
pub(super) struct Group {
    orders: Vec<Order>,
    bytes: usize,
    /// An answer was lost: what was written may be there.
    was_lost: bool,
}

impl Group {
    pub(super) fn of(order: Order) -> Self {
        let bytes = order.bytes;
        Group { orders: vec![order], bytes, was_lost: false }
    }

    pub(super) fn add(&mut self, order: Order) {
        self.bytes += order.bytes;
        self.orders.push(order);
    }

    pub(super) fn len(&self) -> usize {
        self.orders.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn must_last(&self) -> bool {
        self.orders.iter().any(|order| order.must_last)
    }

    /// Notes that an answer did not come, so that the next try looks for what this one may have written.
    pub(super) fn lose_answers(&mut self) {
        self.was_lost = true;
    }

    pub(super) fn jobs(&self) -> Vec<(&Job, bool)> {
        self.orders.iter().map(|order| (&order.job, self.was_lost)).collect()
    }

    /// What the writers say of the streams.
    pub(super) fn expectations(&self) -> impl Iterator<Item = (&StreamName, ExpectedRevision)> {
        self.orders
            .iter()
            .flat_map(|order| match &order.job {
                Job::Append(request) => request.streams.as_slice(),
                Job::Delete(_) => &[],
            })
            .map(|part| (&part.stream, part.expected))
    }

    /// Each order as a group of its own.
    pub(super) fn apart(self) -> impl Iterator<Item = Group> {
        let was_lost = self.was_lost;
        self.orders.into_iter().map(move |order| Group { was_lost, ..Group::of(order) })
    }

    /// Answers everybody, when the first event was written at this position.
    pub(super) fn answer(self, first: u64, plan: Plan) {
        for (order, answer) in self.orders.into_iter().zip(plan.answers) {
            // Whoever gave up waiting is told nothing.
            let _ = order.reply.send(answer.map(|answer| answer.at(first)));
        }
    }

    /// Tells everybody that it is not known what became of it, or that nothing did.
    pub(super) fn refuse(self, trouble: Trouble) {
        let error = AppendError::from(trouble);
        let was_lost = self.was_lost;
        let words = match &error {
            AppendError::Unavailable(cause)
            | AppendError::OutcomeUnknown(cause)
            | AppendError::Corrupt(cause) => cause.to_string(),
            other => other.to_string(),
        };
        for order in self.orders {
            let words = words.clone().into();
            let _ = order.reply.send(Err(match &error {
                AppendError::Corrupt(_) => AppendError::Corrupt(words),
                AppendError::Invalid(fault) => AppendError::Invalid(fault.clone()),
                _ if was_lost => AppendError::OutcomeUnknown(words),
                _ => AppendError::Unavailable(words),
            }));
        }
    }
}
