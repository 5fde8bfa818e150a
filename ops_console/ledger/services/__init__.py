"""Everything that writes to the ledger.

A transaction that calls several of these takes its locks in this order: charges, customers' accounts, couriers'
accounts, and the audit trail last.
"""

from __future__ import annotations

from ops_console.ledger.reconciliation import Difference, reconcile
from ops_console.ledger.services.accounts import adjust, open_account, pay, set_credit_limit, set_default_account
from ops_console.ledger.services.charges import (
    NewCharge,
    adjust_charge,
    charge,
    charge_affordable,
    charge_many,
    pay_insurance,
    tip,
)
from ops_console.ledger.services.refunds import approve_refund, reject_refund, request_refund
from ops_console.ledger.services.system_refunds import refund_rest

__all__ = [
    "Difference",
    "NewCharge",
    "adjust",
    "adjust_charge",
    "approve_refund",
    "charge",
    "charge_affordable",
    "charge_many",
    "open_account",
    "pay",
    "pay_insurance",
    "reconcile",
    "refund_rest",
    "reject_refund",
    "request_refund",
    "set_credit_limit",
    "set_default_account",
    "tip",
]
