import { createLogger } from '@studybridge/service-kit';
import { AnswerShape } from './answer-shape';
import { readMemberAnswer } from './partner-member';

const member = { memberId: 'm_1', status: 'ACTIVE', statusAt: '2018-09-04T17:00:00Z' };
const oddOf = (more: object) => readMemberAnswer({ ...member, ...more }, new Date(0)).odd;

describe('the shape of the partner’s answers', () => {
  it('is known where the contract has it', () => {
    expect(oddOf({ arm: 'OHT', numberCheck: 'passed', optIn: { sentAt: null, answeredAt: null } })).toEqual([]);
    expect(oddOf({ arm: null, numberCheck: null, participation: 'withdrawn', counters: { sent: 1 } })).toEqual([]);
  });

  it('tells names of fields and code lists that it does not have, never a value', () => {
    const odd = oddOf({ nickname: 'Zel', arm: 'XYZ', numberCheck: 'maybe', optIn: { via: 'mail' }, language: 'fr' });
    expect(odd.sort()).toEqual(['code of arm', 'code of language', 'code of numberCheck', 'nickname', 'optIn.via']);
  });

  it('waits for a person, and comes up once', () => {
    let text = '';
    const logger = createLogger({
      service: 'agile-health',
      level: 'info',
      destination: { write: (line: string) => void (text += line) },
    });
    const shape = new AnswerShape(logger);
    shape.note(['nickname', 'code of arm']);
    shape.note(['nickname']);
    expect(text.match(/does not know/g)).toHaveLength(2);
    expect(shape.waiting()).toEqual(['nickname', 'code of arm']);
    expect(shape.acknowledge('nickname')).toBe(1);
    expect(shape.waiting()).toEqual(['code of arm']);
    expect(shape.acknowledge()).toBe(1);
    shape.note(['nickname']);
    expect(shape.waiting()).toEqual([]);
  });
});
