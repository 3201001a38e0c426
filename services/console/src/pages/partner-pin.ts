import { type Html, html } from '../html.ts';
import type { Page, PageAnswer, PageRequest } from './page.ts';
import { foundTable } from './partner-add.ts';
import { reasonField } from './partner-edit.ts';
import { partnerPath } from './partners.ts';
import { checkbox, form, notice } from './parts.ts';

/** What the partner publishes now, to pin some of it: how a change of its key is approved. */
async function found(request: PageRequest): Promise<PageAnswer> {
  const { desk, params, text, csrf } = request;
  const { pinning } = text.partners;
  const view = await desk.partners.show(params['name'] ?? '');
  if (view === null) return { kind: 'not-found' };
  const { name, domains } = view.partner;
  const survey = await desk.look.survey((domains[0] ?? '').replace(/^\*\./, ''));
  const choice: Html =
    survey.kind === 'refused'
      ? notice('bad', survey.sentence)
      : html`<div class="wide">${form({
          action: partnerPath(name, 'pin'),
          csrf,
          submit: pinning.save,
          body: html`<input type="hidden" name="seen" value="${view.tag}">${foundTable(survey.found, request)}${checkbox({ name: 'replace', label: pinning.replace })}${reasonField(request, { reason: '' }, 'reason')}`,
        })}</div>`;
  const body = html`<p><a href="${partnerPath(name)}">${name}</a></p><p>${pinning.intro}</p><section class="card">${choice}</section>`;
  return { kind: 'page', title: pinning.title(name), body };
}

export const partnerPinPages: readonly Page[] = [
  { method: 'GET', path: '/partners/:name/found', permission: 'policy.propose', answer: found },
];
