function squeeze(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '')
    .slice(0, 18)
    .replace(/_+$/, '');
}

/** The unique name of an event (§2.11): `Deadline to opt out of study` in arm 2 is `deadline_to_opt_ou_arm_2`. */
export function uniqueEventName(name: string, arm: number, taken: ReadonlySet<string>): string {
  const base = `${squeeze(name)}_arm_${arm}`;
  if (!taken.has(base)) return base;
  for (let letter = 98; letter <= 122; letter += 1) {
    const candidate = base + String.fromCharCode(letter);
    if (!taken.has(candidate)) return candidate;
  }
  return `${base}${taken.size}`;
}

/** The unique name of a data access group (§2.16): `Integration Test DAG` is `integration_test_d`. */
export function uniqueGroupName(name: string, taken: ReadonlySet<string>): string {
  const base = squeeze(name) || 'group';
  if (!taken.has(base)) return base;
  for (let letter = 98; letter <= 122; letter += 1) {
    const candidate = base + String.fromCharCode(letter);
    if (!taken.has(candidate)) return candidate;
  }
  return `${base}${taken.size}`;
}
