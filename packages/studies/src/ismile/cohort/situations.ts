import { weekdaysLater } from './clinic-time';
import { Story, type StoryBook } from './story';

/** A seeded situation (studies.md §8 and §1.6). */
export interface Situation {
  /** How many of them there are among 120 pairs. */
  count: number;
  /** How many pairs it tells of that are consented and present at the end; 1 where not said. */
  pairs?: number;
  /** Tells it, beginning with a family that comes in at `now`. */
  tell(book: StoryBook, now: Story['now']): void;
}

const one = (tell: (story: Story) => unknown, count = 1): Situation => ({
  count,
  tell: (book, now) => void tell(new Story(book, now)),
});

const later = (now: Story['now'], days: number, book: StoryBook): Story['now'] =>
  weekdaysLater(now, days).set({ minute: book.random.between(1, 50) });

/** Consented with one thing missing or wrong in the participant form, and never put right. */
const heldBy = (name: string, changes: Record<string, string>): Situation =>
  one((story) => story.label(`held:${name}`).enrolled(changes));

/** The seeded situations; all of them begin early enough to end within the cohort's span. */
export const situations: readonly Situation[] = [
  // ---- numbers and opt-ins
  one((story) => story.label('invalid-number').handset('landline').enrolled().minutes(20, 60).randomized(), 6),
  one((story) => story.label('shortcode-blocked').handset('blocks-short-codes').enrolled().days(1).randomized(), 2),
  one((story) => story.label('opt-in-expired').enrolled().minutes(20, 60).randomized(), 5),
  one((story) => story.label('opted-out').active().days(6, 18).texts('STOP'), 6),
  one((story) => story.label('opted-out', 'opted-out-before-opt-in').enrolled().answers('STOP').days(2).randomized()),
  one((story) =>
    story
      .label('opted-out-and-back')
      .active()
      .days(5, 18)
      .texts('STOP')
      .days(2, 19)
      .texts('START')
      .minutes(30, 90)
      .texts('YES'),
  ),
  one((story) => story.label('phone-change', 'phone-change-active').active().days(4).newNumber().answers()),
  one((story) =>
    story
      .label('phone-change', 'phone-change-after-invalid')
      .handset('landline')
      .enrolled()
      .days(1)
      .newNumber()
      .answers()
      .days(1)
      .randomized(),
  ),
  {
    count: 1,
    tell(book, now) {
      const story = new Story(book, now).label('phone-change', 'phone-change-old-number-stops').active();
      const oldNumber = story.family.mobile;
      story.days(3).newNumber().answers().days(1, 18).texts('STOP', oldNumber);
    },
  },
  {
    count: 1,
    pairs: 2,
    tell(book, now) {
      const holder = new Story(book, now).label('duplicate-phone-holder').active();
      const { mobile, mobileText } = holder.family;
      new Story(book, later(now, 2, book), { mobile, mobileText })
        .label('duplicate-phone')
        .enrolled()
        .days(1)
        .randomized();
    },
  },
  one(
    (story) =>
      story
        .label('timeout-after-commit')
        .fault('agile', {
          kind: 'timeout-after-commit',
          match: { method: 'POST', path: '/members', bodyIncludes: story.family.mobile },
          times: 1,
          ms: 300,
        })
        .minutes(2)
        .active(),
    2,
  ),

  // ---- arms
  one((story) => story.label('arm-conflict').active('2').days(3).randomized('3')),
  one((story) => story.label('arm-waiting').enrolled().answers(), 2),

  // ---- withdrawals
  one((story) => story.label('withdrawal', 'withdrawal-active').active().days(5).withdrawn()),
  one((story) =>
    story.label('withdrawal', 'withdrawal-before-enrolment').screened().info().consented().minutes(30).withdrawn(),
  ),
  one((story) => story.label('withdrawal', 'withdrawal-before-arm').enrolled().answers().days(1).withdrawn()),
  {
    count: 1,
    pairs: 2,
    tell(book, now) {
      const holder = new Story(book, now).active();
      new Story(book, later(now, 1, book))
        .label('withdrawal', 'withdrawal-behind-parked')
        .active()
        .days(4)
        .newNumber(holder.family.mobile)
        .days(2)
        .withdrawn();
    },
  },

  // ---- anchors at a month's end
  one((story) =>
    story.label('month-end-anchor').on('2018-08-29', 10).enrolled().answers().on('2018-08-31', 11).randomized('2'),
  ),
  one((story) =>
    story.label('month-end-anchor').on('2018-08-31', 9).enrolled().minutes(20, 40).randomized('3').answers(),
  ),
  one((story) =>
    story.label('month-end-anchor').on('2018-10-30', 10).enrolled().answers().on('2018-10-31', 11).randomized('2'),
  ),
  one((story) => imported(story, '2017-12-29', '2017-12-31', '2')),
  one((story) => imported(story, '2016-02-26', '2016-02-29', '3')),

  // ---- held families
  one((story) =>
    story
      .label('held:NOT_ELIGIBLE')
      .save('screening_arm_1', 'eligibility', story.eligibility(false))
      .info()
      .consented()
      .surveyed(),
  ),
  heldBy('CAREGIVER_NAME_MISSING', { part_last_name: '' }),
  heldBy('PHONE_MISSING', { part_mobile_number: '' }),
  heldBy('PHONE_INVALID', { part_mobile_number: '(411) 555-0142' }),
  heldBy('TEXTING_NOT_ALLOWED', { part_mobile_ok_to_text: '0' }),
  heldBy('LANGUAGE_MISSING', { part_lang: '' }),
  heldBy('CHILD_DETAILS_MISSING', { child_dob: '' }),
  heldBy('SITE_MISSING', { site_id: '' }),
  one(
    (story) =>
      story.label('held:BASELINE_SURVEY_INCOMPLETE').screened().info().consented().minutes(10, 20).surveyBegun(),
    2,
  ),
  // a freephone number is a valid US number, and the partner says NOT_MOBILE
  one((story) => story.label('held:REFUSED_FIELDS').enrolled({ part_mobile_number: '(800) 555-0147' })),
  one((story) =>
    story
      .label('held-then-corrected')
      .enrolled({ part_mobile_number: '' })
      .days(1)
      .corrected({ part_mobile_number: story.family.mobileText })
      .answers()
      .days(1)
      .randomized(),
  ),
  one((story) =>
    story
      .label('refused-then-corrected')
      .enrolled({ part_mobile_number: '(800) 555-0148' })
      .days(1)
      .corrected({ part_mobile_number: story.family.mobileText })
      .answers()
      .days(1)
      .randomized(),
  ),

  // ---- names
  named('name-with-accents', { firstName: 'José', lastName: 'Núñez Peña', childFirstName: 'Zoë' }),
  named('name-with-apostrophe', { firstName: "D'Andra", lastName: "O'Brien", childFirstName: 'L’Oréal' }),
  named('name-with-emoji', { firstName: 'Mia 🌻', lastName: 'Smith "Mimi", Jr.', childFirstName: 'Sunny ☀️' }),
  one((story) =>
    story
      .label('name-corrected')
      .active()
      .days(2)
      .corrected({ part_first_name: 'Anneliese', child_first_name: 'Jayden' }),
  ),

  // ---- record numbers
  {
    count: 1,
    tell(book, now) {
      const test = new Story(book, now, { firstName: 'Test', lastName: 'Family', childFirstName: 'Tester' });
      test.active().days(2, 10).deleted();
      const family = new Story(book, test.now.plus({ minutes: 50 })).label('recreated-record').active();
      family.sameNumberAs = test;
    },
  },
  one((story) =>
    story
      .label('renamed-record')
      .active()
      .days(2, 11)
      .renamed((number) => `${Number(number) + 7000}`)
      .days(1)
      .corrected({ part_last_name: 'Renamed-Later' }),
  ),

  // ---- the partner by itself
  one((story) => story.label('unknown-status').active().days(4, 20).partnerSets('LEGACY_HOLD')),
  one((story) => story.label('paused').active().days(4, 20).partnerSets('PAUSED')),
  one((story) => story.label('undeliverable').active().days(4, 20).partnerSets('UNDELIVERABLE')),

  // ---- at the edges of the span
  one((story) => {
    story.family.childDob = '2011-10-05';
    story.label('child-turns-seven').active();
  }),
  one((story) => story.label('opt-in-pending').on('2018-11-08', 10).enrolled()),
];

function named(label: string, names: { firstName: string; lastName: string; childFirstName: string }): Situation {
  return {
    count: 1,
    tell: (book, now) => void new Story(book, now, names).label(label).active(),
  };
}

/** A family of the pilot, imported with its randomisation: there before Studybridge, unknown at the partner. */
function imported(story: Story, consentedOn: string, randomizedOn: string, arm: '2' | '3'): void {
  story.label('month-end-anchor', 'held:BASELINE_NOT_RELEASED').on(consentedOn, 10);
  story.family.childDob = '2013-04-11';
  story
    .held('screening_arm_1', 'eligibility', story.eligibility())
    .held(
      'baseline_arm_1',
      'participant_info',
      story.details({ part_consent_date: consentedOn, participant_info_complete: '2' }),
    )
    .held('baseline_arm_1', 'baseline_survey', story.survey())
    .held('baseline_arm_1', 'randomization', { rand_arm: arm, rand_date: randomizedOn, randomization_complete: '2' });
}
