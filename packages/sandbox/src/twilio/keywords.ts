import type { TwilioNumber } from './twilio-options';

/** What a text to a sender means to Twilio or to the carrier. */
export type Keyword = 'STOP' | 'START' | 'HELP';

const longCode: Record<Keyword, readonly string[]> = {
  STOP: ['STOP', 'STOPALL', 'UNSUBSCRIBE', 'CANCEL', 'END', 'QUIT', 'REVOKE', 'OPTOUT'],
  START: ['START', 'YES', 'UNSTOP'],
  HELP: ['HELP', 'INFO'],
};
const tollFree: Record<Keyword, readonly string[]> = { STOP: ['STOP'], START: ['START', 'UNSTOP'], HELP: [] };

const longCodeAnswers: Record<Keyword, string> = {
  STOP: 'You have successfully been unsubscribed. You will not receive any more messages from this number. Reply START to resubscribe.',
  START:
    'You have successfully been re-subscribed to messages from this number. Reply HELP for help. Reply STOP to unsubscribe. Msg&Data Rates May Apply.',
  HELP: 'Reply STOP to unsubscribe. Msg&Data Rates May Apply.',
};
const tollFreeAnswers: Record<Keyword, string> = {
  STOP: 'NETWORK MSG: You replied with the word "stop" which blocks all texts sent from this number. Text back "unstop" to receive messages again.',
  START: 'NETWORK MSG: You have replied "unstop" and will begin receiving messages again from this number.',
  HELP: '',
};

/**
 * The keyword that a whole text is, by the sender's kind: long codes know Twilio's default words, toll-free numbers the carriers',
 * a short code of its own leaves all to its owner. More than the one word is no keyword. `messaging.md §4`.
 */
export function keywordOf(kind: TwilioNumber['kind'], body: string): Keyword | null {
  if (kind === 'short-code') return null;
  const word = body.trim().toUpperCase();
  const lists = kind === 'long-code' ? longCode : tollFree;
  return (Object.keys(lists) as Keyword[]).find((keyword) => lists[keyword].includes(word)) ?? null;
}

/** What the phone is answered. */
export function keywordAnswer(kind: TwilioNumber['kind'], keyword: Keyword): string {
  return (kind === 'toll-free' ? tollFreeAnswers : longCodeAnswers)[keyword];
}
