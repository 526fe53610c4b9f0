import { addressChange, balance, closeAccount, openingHours, passwordReset } from './account.ts';
import { blockedCard, forgottenPin, lostCard, travelNotice, unknownPayment } from './cards.ts';
import { cashWithdrawal, feeQuestion, giftCards, loan, savings } from './money.ts';
import { largeTransfer, newPayee, transferAbroad, transferLimit, unknownInvestment } from './payments.ts';
import { appProblem, exchangeMoney, jointAccount, newAccount, onlinePurchase, standingOrder } from './services.ts';
import type { Topic } from './topic.ts';

/** Questions to the bank. The two policies answer each of them differently. */
export const bankTopics: readonly Topic[] = [
  addressChange,
  appProblem,
  balance,
  blockedCard,
  cashWithdrawal,
  closeAccount,
  exchangeMoney,
  feeQuestion,
  forgottenPin,
  giftCards,
  jointAccount,
  largeTransfer,
  loan,
  lostCard,
  newAccount,
  newPayee,
  onlinePurchase,
  openingHours,
  passwordReset,
  savings,
  standingOrder,
  transferAbroad,
  transferLimit,
  travelNotice,
  unknownInvestment,
  unknownPayment,
];
