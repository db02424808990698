import { Module } from '@nestjs/common';
import { z } from 'zod';
import { runService } from '../src';

@Module({})
class NothingModule {}

/** A whole service as a process of its own; what it prints is what an operator sees. */
void runService(
  {
    name: 'alone',
    settings: z.object({ GREETING: z.string() }),
    secrets: [],
    needs: [],
    migrations: [],
    module(context) {
      context.jobs.define({
        name: 'sleep',
        binding: 'ismile.sandbox',
        schedules: [],
        overlap: 'skip',
        catchUp: 'one',
        quiet: false,
        run: (run) => new Promise((_, reject) => run.signal.addEventListener('abort', () => reject(new Error('stop')))),
      });
      context.onStop(() => {
        process.stdout.write('stopped cleanly\n');
        return Promise.resolve();
      });
      return { module: NothingModule };
    },
  },
  () => Promise.resolve({}),
);
