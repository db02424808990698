import { projectPolled, surveyLinkFound } from '@studybridge/contracts';
import type { Room } from '../room';
import { noteFirstHeard } from './first-heard';
import { hearPolled } from './project-polls';
import { runCampaign } from './run-campaign';
import { askForLinksOf, hearLink } from './survey-links';

/** The studies' campaigns: a job for each, at the study's schedule. */
export function defineCampaigns(room: Room): void {
  const { context, bus } = room;
  bus.consume(projectPolled, (em, envelope) => hearPolled(em, room, envelope));
  bus.consume(surveyLinkFound, (em, envelope) => hearLink(em, room, envelope));
  room.hooks.participant.push(async (em, participant) => {
    await noteFirstHeard(em, participant);
    await askForLinksOf(em, room, participant.participantId);
  });
  for (const place of room.places.values()) {
    for (const campaign of place.messaging.campaigns) {
      context.jobs.define({
        name: campaign.job,
        binding: place.binding.id,
        schedules: [...(place.study.schedules[campaign.job] ?? [])],
        overlap: 'skip',
        catchUp: 'one',
        // Who is due changes with the days.
        quiet: false,
        settings: { freshMinutes: context.config.CAMPAIGN_FRESH_MINUTES, caps: place.messaging.caps },
        run: (run) => runCampaign({ room, place, campaign }, run),
      });
    }
  }
}
