import twilio from 'twilio';

/** The TwiML that answers every text with a referral, for a TwiML Bin at the provider: no server of ours is needed for it. */
export function staticAnswer(text: string): string {
  const answer = new twilio.twiml.MessagingResponse();
  answer.message(text);
  return answer.toString();
}

/** The TwiML that answers nothing. */
export function emptyAnswer(): string {
  return new twilio.twiml.MessagingResponse().toString();
}
