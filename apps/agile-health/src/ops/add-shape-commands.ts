import { reasons } from '@studybridge/contracts';
import type { ServiceContext } from '@studybridge/service-kit';
import { z } from 'zod';
import type { AnswerShape } from '../partner/answer-shape';

/** Shows what the partner's answers hold beyond the contract, until a person knows of it. */
export function addShapeCommands({ ops }: Pick<ServiceContext, 'ops'>, shape: AnswerShape): void {
  ops.addStatus('agile-health answers', async () => {
    const waiting = (await shape.waiting()).length;
    return { attention: waiting > 0 ? { ANSWER_SHAPE: waiting } : {} };
  });
  ops.add(
    'monitoring.list',
    z.object({ all: z.boolean().default(false) }),
    async () => {
      const { sentence, todo } = reasons.ANSWER_SHAPE;
      return (await shape.waiting()).map((what) => ({ code: 'ANSWER_SHAPE', what, sentence, todo }));
    },
    'Lists fields and codes in the partner’s answers that the contract does not know, since the start.',
  );
  ops.add(
    'monitoring.acknowledge',
    z.object({ binding: z.string().optional(), code: z.string().optional(), what: z.string().optional() }),
    async ({ code, what }) => ({
      acknowledged: code === undefined || code === 'ANSWER_SHAPE' ? await shape.acknowledge(what) : 0,
    }),
    'Says that a person knows of findings: all of them, or one.',
  );
}
