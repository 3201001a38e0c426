import { MOVE_PERMISSIONS, type Move } from '../desk/policy-moves.ts';
import type { VersionView } from '../desk/policy-versions.ts';
import { type Html, type HtmlValue, html } from '../html.ts';
import type { PageRequest } from './page.ts';
import { field, form, time, timeline } from './parts.ts';

export const MAX_REASON_CHARS = 1_000;

/** What a form of a step sent that could not be used. */
export interface SentStep {
  readonly move: Move;
  readonly at: string;
  readonly reason: string;
  /** Of the field that the form has. */
  readonly fault: string;
}

/** The steps that were taken with a version. */
export function stepsOf({ steps }: VersionView, { text }: PageRequest): Html {
  if (steps.length === 0) return html`<p>${text.policy.stepsNone}</p>`;
  return timeline(
    steps.map((step) => ({
      at: step.time,
      title: text.policy.stepKinds[step.kind],
      body: html`<p>${step.by}${step.reason === undefined ? null : html`: ${step.reason}`}${
        step.at === undefined ? null : html` (${time(step.at)})`
      }</p>${step.rehearsal === undefined ? null : html`<p class="quiet">${text.policy.rehearsed(step.rehearsal)}</p>`}`,
    })),
  );
}

/** The steps that the person may take now, each with its form. */
export function nextForms(
  request: PageRequest,
  view: VersionView,
  sent: SentStep | null,
): HtmlValue {
  const { text, actor } = request;
  if (view.next.length === 0) return html`<p>${text.policy.nextNone}</p>`;
  const own = view.next.filter((move) => actor.permissions.has(MOVE_PERMISSIONS[move]));
  if (own.length === 0) return html`<p>${text.policy.nextOthers}</p>`;
  const waits = view.state === 'proposed' && !own.includes('approve') && !own.includes('activate');
  return html`${waits ? html`<p>${text.policy.nextApproval}</p>` : null}${own.map((move) =>
    moveForm(request, view, { move, sent }),
  )}`;
}

function moveForm(
  { csrf, text }: PageRequest,
  view: VersionView,
  { move, sent }: { readonly move: Move; readonly sent: SentStep | null },
): Html {
  const { moves, moveHints } = text.policy;
  const hints: Readonly<Partial<Record<Move, string>>> = {
    ...moveHints,
    approve: moveHints.approve(view.sha256.slice(0, 16)),
  };
  const hint = hints[move];
  return form({
    action: `/policy/${view.version}/${move}`,
    csrf,
    submit: move === 'propose' && view.state !== 'draft' ? moves.proposeAgain : moves[move],
    danger: move === 'rollback',
    body: html`<input type="hidden" name="sha256" value="${view.sha256}"><input type="hidden" name="seen" value="${view.tag}">${
      hint === undefined ? null : html`<p class="hint">${hint}</p>`
    }${moveField(move, sent?.move === move ? sent : null, text.policy)}`,
  });
}

/** What a step asks for beside the version. */
function moveField(
  move: Move,
  sent: SentStep | null,
  { at, reason }: PageRequest['text']['policy'],
): Html | null {
  const fault = sent?.fault;
  switch (move) {
    case 'schedule': {
      const value = sent?.at ?? '';
      return field({
        name: 'at',
        label: at,
        type: 'datetime-local',
        value,
        fault,
        required: true,
      });
    }
    case 'rollback': {
      const value = sent?.reason ?? '';
      const maxLength = MAX_REASON_CHARS;
      return field({ name: 'reason', label: reason, value, fault, required: true, maxLength });
    }
    default:
      return null;
  }
}
