// Generated from the study folders by `npm run generate -w packages/studies`; never edited by hand.
import type { StudyDefinition } from './define-study';
import { study as caps } from './caps/study';
import { study as ismile } from './ismile/study';

/** Every study there is: one per folder. */
export const studies: readonly StudyDefinition[] = [caps, ismile];
