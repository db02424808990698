import type { ServiceContext } from '@studybridge/service-kit';

/** The keyed fingerprint of a number or address, for equality within a study; null for none. */
export function printOf(
  context: Pick<ServiceContext, 'sealer'>,
  study: string,
  channel: 'sms' | 'email',
  to: string | null,
): string | null {
  if (to === null) return null;
  return context.sealer.fingerprint(study, channel === 'sms' ? 'mobile' : 'email', to.toLowerCase());
}
