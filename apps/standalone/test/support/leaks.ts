import type { Cohort } from '@studybridge/studies';

const identifying = [
  'part_first_name',
  'part_last_name',
  'part_mobile_number',
  'part_email',
  'child_first_name',
  'child_dob',
];
/** Shorter ones stand in ordinary words and numbers by chance. */
const shortest = 5;

/** Everything in the cohort that would tell who somebody is: names, numbers as typed and as sent, addresses, birthdays. */
export function namesAndPhones(cohort: Cohort): string[] {
  const texts = new Set(cohort.handsets.map((handset) => handset.mobile));
  for (const action of cohort.timeline) {
    if (action.do !== 'save') continue;
    for (const field of identifying) texts.add(action.values[field] ?? '');
  }
  return [...texts].filter((text) => text.length >= shortest);
}

/** The needles that stand in the text as words of their own. */
export function secretsIn(text: string, needles: string[]): string[] {
  return needles.filter((needle) => {
    for (let at = text.indexOf(needle); at >= 0; at = text.indexOf(needle, at + 1)) {
      const around = `${text[at - 1] ?? ' '}${text[at + needle.length] ?? ' '}`;
      if (!/[\p{L}\p{N}]/u.test(around)) return true;
    }
    return false;
  });
}
