/** A field the partner does not take, with its reason (`studies.md §6`). */
export interface FieldError {
  field: string;
  code: 'REQUIRED' | 'MALFORMED' | 'NOT_MOBILE' | 'UNKNOWN_VALUE' | 'TOO_LONG';
}

const genders = new Set(['female', 'male', 'another', 'undisclosed']);
const languages = new Set(['en', 'es']);
const siteCodes = new Set(['BMC', 'DOT', 'COD', 'SEC']);
/** Freephone and premium numbers of the North American plan. */
const notMobile = new Set(['800', '833', '844', '855', '866', '877', '888', '900']);
const longest = { name: 60, attribute: 100, id: 100 };

const required = [
  'externalId',
  'firstName',
  'gender',
  'mobile',
  'language',
  'childFirstName',
  'childGender',
  'childDob',
  'siteCode',
  'timezone',
] as const;

/**
 * What is wrong with a member's body. A PUT (`whole` false) may leave fields out: they keep their value, so that a
 * withdrawal never waits for a complete form.
 */
export function checkMember(body: Record<string, unknown>, whole: boolean): FieldError[] {
  const errors: FieldError[] = [];
  const add = (field: string, code: FieldError['code']) => errors.push({ field, code });

  for (const field of required) {
    const value = body[field];
    if (value === undefined && !whole) continue;
    if (value === undefined || value === null || value === '') add(field, 'REQUIRED');
    else if (typeof value !== 'string') add(field, 'MALFORMED');
    else {
      const code = checkText(field, value);
      if (code) add(field, code);
    }
  }
  const lastName = body['lastName'];
  if (lastName !== undefined && typeof lastName !== 'string') add('lastName', 'MALFORMED');
  else if (typeof lastName === 'string' && lastName.length > longest.name) add('lastName', 'TOO_LONG');
  const participation = body['participation'];
  if (participation !== undefined && participation !== 'active' && participation !== 'withdrawn') {
    add('participation', 'UNKNOWN_VALUE');
  }
  checkAttributes(body['attributes'], add);
  return errors;
}

function checkText(field: (typeof required)[number], value: string): FieldError['code'] | null {
  switch (field) {
    case 'externalId':
      return value.length > longest.id ? 'TOO_LONG' : null;
    case 'firstName':
    case 'childFirstName':
      return value.length > longest.name ? 'TOO_LONG' : null;
    case 'gender':
    case 'childGender':
      return genders.has(value) ? null : 'UNKNOWN_VALUE';
    case 'language':
      return languages.has(value) ? null : 'UNKNOWN_VALUE';
    case 'siteCode':
      return siteCodes.has(value) ? null : 'UNKNOWN_VALUE';
    case 'timezone':
      return isZone(value) ? null : 'UNKNOWN_VALUE';
    case 'childDob':
      return isDate(value) ? null : 'MALFORMED';
    case 'mobile':
      if (!/^\+[1-9]\d{7,14}$/.test(value)) return 'MALFORMED';
      if (!/^\+1[2-9]\d{2}[2-9]\d{6}$/.test(value)) return 'NOT_MOBILE';
      return notMobile.has(value.slice(2, 5)) ? 'NOT_MOBILE' : null;
  }
}

function checkAttributes(attributes: unknown, add: (field: string, code: FieldError['code']) => void): void {
  if (attributes === undefined) return;
  if (attributes === null || typeof attributes !== 'object' || Array.isArray(attributes)) {
    add('attributes', 'MALFORMED');
    return;
  }
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && !['string', 'boolean', 'number'].includes(typeof value))
      add(`attributes.${name}`, 'MALFORMED');
    else if (typeof value === 'string' && value.length > longest.attribute) add(`attributes.${name}`, 'TOO_LONG');
  }
}

/** Whether the text is a calendar date `YYYY-MM-DD`. */
export function isDate(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}

function isZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
