/** Numbers of made-up families begin here, far from the cohort's own. */
export const firstFamily = 100_001;

/** Imports so many complete families into the iSMILE project, as staff and services would have filled them; nobody of them is consented. */
export async function fillProject(api: string, token: string, families: number, enrolled: boolean): Promise<void> {
  for (let from = 0; from < families; from += 1_000) {
    const rows = Array.from({ length: Math.min(1_000, families - from) }, (_, index) =>
      family(firstFamily + from + index, enrolled),
    );
    await importRows(api, token, rows);
  }
}

/** One import call, as bare as can be; gives its real milliseconds. Throws with REDCap's answer when it refuses. */
export async function importRows(api: string, token: string, rows: readonly Record<string, string>[]): Promise<number> {
  const body = new URLSearchParams({
    token,
    content: 'record',
    action: 'import',
    format: 'json',
    type: 'flat',
    data: JSON.stringify(rows),
  });
  const began = performance.now();
  const answer = await fetch(api, { method: 'POST', body });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`An import was refused: ${text.slice(0, 500)}`);
  return performance.now() - began;
}

function family(n: number, enrolled: boolean): Record<string, string> {
  const staffs = {
    record_id: String(n),
    redcap_event_name: 'baseline_arm_1',
    part_first_name: `Caregiver ${n}`,
    part_last_name: `Family ${n}`,
    part_gender: '1',
    part_lang: n % 3 === 0 ? '2' : '1',
    part_mobile_number: `617555${String(1_000 + (n % 9_000))}`,
    part_mobile_ok_to_text: '1',
    child_first_name: `Child ${n}`,
    child_gender: '2',
    child_dob: '2015-05-05',
    site_id: String(1 + (n % 4)),
    participant_info_complete: '2',
    bs_brush_freq: String(1 + (n % 3)),
    bs_last_dental_visit: String(1 + (n % 4)),
    bs_bottle_bed: String(n % 2),
    bs_topic_choice: String(1 + (n % 6)),
    baseline_survey_complete: '2',
  };
  if (!enrolled) return staffs;
  return {
    ...staffs,
    rand_arm: String(2 + (n % 2)),
    rand_date: '2018-08-20',
    randomization_complete: '2',
    ag_member_id: `m_${n}`,
    ag_enroll_status: '2',
    ag_status: '40',
    ag_status_label: 'Four-month programme running',
    ag_status_date: '2018-08-21 12:00:00',
    ag_optin_date: '2018-08-20 18:00:00',
    ag_arm_sent: String(2 + (n % 2)),
    ag_arm_sent_ts: '2018-08-20 12:15:00',
    ag_last_sent_hash: `${n}`.padStart(16, '0'),
    ag_last_timestamp: '2018-08-21 12:15:00',
    ag_needs_attention: '0',
  };
}
