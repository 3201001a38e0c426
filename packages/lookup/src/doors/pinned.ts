import type { Door } from '../locate-types.ts';

/** The certificates that an admin approved for the partner. */
export const pinnedDoor: Door = {
  name: 'pinned',
  cached: false,
  search: async function* ({ pinned }) {
    yield {
      kind: 'step',
      step: {
        door: 'pinned',
        query: 'certificates approved for the partner',
        outcome: pinned.length > 0 ? 'found' : 'nothing',
        reason: `${pinned.length} approved`,
        tookMs: 0,
      },
    };
    for (const der of pinned) {
      yield {
        kind: 'candidate',
        candidate: { der, door: 'pinned', binding: 'pinned', source: 'partner record' },
      };
    }
  },
};
