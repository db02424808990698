import { compareRights, type TokenRights } from './token-rights';

const rights = (own: Partial<NonNullable<TokenRights['own']>> = {}): TokenRights => ({
  logging: true,
  users: true,
  own: {
    rights: { api_import: 1, record_delete: 0, reports: 1 },
    exports: { baseline: 1 },
    group: '',
    expiration: '',
    ...own,
  },
});
const today = '2018-09-04';
const told = (before: TokenRights | null, now: TokenRights) =>
  compareRights(before, now, today).map((finding) => [finding.what, finding.sentence]);

describe('rights of a token', () => {
  it('are nothing new at first sight, and while they stay', () => {
    expect(told(null, rights())).toEqual([]);
    expect(told(rights(), rights())).toEqual([]);
  });

  it.each<[string, TokenRights, string, string]>([
    [
      'lost',
      rights({ rights: { api_import: 0, record_delete: 0, reports: 1 } }),
      'api_import:lost',
      'The token lost the right api_import.',
    ],
    [
      'gained, which may be too much',
      rights({ rights: { api_import: 1, record_delete: 1, reports: 1 } }),
      'record_delete:gained',
      'The token gained the right record_delete.',
    ],
    [
      'less of an export',
      rights({ exports: { baseline: 2 } }),
      'export baseline:changed',
      'The token has another right to export baseline.',
    ],
    [
      'a group',
      rights({ group: 'harbour' }),
      'group:harbour',
      'The token’s user was put into the Data Access Group harbour and sees only its records.',
    ],
    [
      'an end',
      rights({ expiration: '2018-09-20' }),
      'expires:2018-09-20',
      'The account behind the token ends on 2018-09-20.',
    ],
    ['no log', { ...rights(), logging: false }, 'logging:lost', 'The token lost the right to read the log.'],
    [
      'no users',
      { ...rights(), users: false, own: null },
      'user_rights_view:lost',
      'The token lost the right to see users.',
    ],
  ])('%s', (_name, now, what, sentence) => {
    expect(told(rights(), now)).toEqual([[what, sentence]]);
  });

  it('that only another version of REDCap knows were given or taken by nobody', () => {
    expect(told(rights(), rights({ rights: { api_import: 1, record_delete: 0, reports: 1, alerts: 1 } }))).toEqual([]);
    expect(told(rights(), rights({ exports: {} }))).toEqual([]);
  });

  it('end far away', () => {
    expect(told(rights(), rights({ expiration: '2019-09-20' }))).toEqual([]);
  });
});
