import type { Permission } from '@sallyport/accounts';
import type { PolicyStep, VersionState } from '@sallyport/policy-store/read';

/** What people do with a version. */
export const MOVES = ['propose', 'approve', 'activate', 'schedule', 'cancel', 'rollback'] as const;
export type Move = (typeof MOVES)[number];

/** Who may take which step. Whether the version allows it is the store's to say. */
export const MOVE_PERMISSIONS: Readonly<Record<Move, Permission>> = {
  propose: 'policy.propose',
  approve: 'policy.approve',
  activate: 'policy.activate',
  schedule: 'policy.activate',
  cancel: 'policy.activate',
  rollback: 'policy.activate',
};

/** What is offered for a version in its state; the store judges each step when it is taken. */
export function movesFor(
  { version, state }: { readonly version: number; readonly state: VersionState },
  steps: readonly PolicyStep[],
  fourEyes: boolean,
): Move[] {
  switch (state) {
    case 'draft':
      return ['propose'];
    case 'proposed':
      return fourEyes ? ['approve', 'propose'] : ['activate', 'schedule', 'approve', 'propose'];
    case 'approved':
      return ['activate', 'schedule', 'propose'];
    case 'scheduled':
      return ['cancel', 'activate'];
    case 'active':
      return [];
    default: {
      const isOlder = steps.some((one) => one.inForce?.version === version);
      return isOlder ? ['rollback', 'approve'] : [];
    }
  }
}
