"""An application of the third-party library `eventsourcing`, with its extension for KurrentDB. The argument: the
node's address. A bank, as the library's own guide builds applications."""

import os
import sys
from decimal import Decimal
from uuid import uuid4

os.environ["PERSISTENCE_MODULE"] = "eventsourcing_kurrentdb"
os.environ["KURRENTDB_URI"] = f"esdb://{sys.argv[1]}?Tls=false"

from eventsourcing.application import AggregateNotFoundError, Application  # noqa: E402
from eventsourcing.domain import Aggregate, event  # noqa: E402
from eventsourcing.persistence import IntegrityError  # noqa: E402


class BankAccount(Aggregate):
    INITIAL_VERSION = 0

    @event("Opened")
    def __init__(self, owner):
        self.owner = owner
        self.balance = Decimal("0.00")

    @event("TransactionAppended")
    def append_transaction(self, amount):
        self.balance += amount


class Bank(Application):
    is_snapshotting_enabled = True

    def open(self, owner):
        account = BankAccount(owner)
        self.save(account)
        return account.id

    def move(self, account_id, amount):
        account = self.repository.get(account_id)
        account.append_transaction(Decimal(amount))
        return self.save(account)[-1].notification.id

    def balance(self, account_id):
        return self.repository.get(account_id).balance


bank = Bank()
first, second = bank.open("Zoë"), bank.open("Max")
start = bank.recorder.max_notification_id()
bank.move(first, "100.00")
bank.take_snapshot(first)
last = bank.move(first, "-25.50")
bank.move(second, "25.50")
assert (bank.balance(first), bank.balance(second)) == (Decimal("74.50"), Decimal("25.50"))
assert bank.recorder.max_notification_id() > last > start

stale = bank.repository.get(first)
bank.move(first, "1.00")
stale.append_transaction(Decimal("2.00"))
try:
    bank.save(stale)
    raise SystemExit("a stale account was saved")
except IntegrityError:
    pass
try:
    bank.repository.get(uuid4())
    raise SystemExit("an account that nobody opened was found")
except AggregateNotFoundError:
    pass

notifications = bank.notification_log.select(start=start, limit=10, inclusive_of_start=False)
kinds = [n.topic.rpartition(".")[2] for n in notifications]
assert kinds.count("TransactionAppended") >= 4, kinds
subscription = bank.recorder.subscribe(gt=start)
with subscription:
    assert next(subscription).id == notifications[0].id
assert Bank().balance(first) == Decimal("75.50")
print("ok bank of eventsourcing-kurrentdb", flush=True)
