import { html } from '../html.ts';
import type { Page } from './page.ts';
import { copyBlock, section, table } from './parts.ts';

/** How to answer an auditor's questions without trusting this server. */
export const auditGuide: Page = {
  method: 'GET',
  path: '/audit/guide',
  permission: 'audit.read',
  answer: async ({ text }) => {
    const { auditorGuide: guide } = text;
    const { commands } = guide;
    return {
      kind: 'page',
      title: guide.title,
      body: html`<p>${guide.intro}</p>${section(
        guide.needs,
        html`<ul>${guide.needList.map((need) => html`<li>${need}</li>`)}</ul>`,
      )}${section(guide.verify, html`<p>${guide.verifyWords}</p>`, copyBlock(commands.verify, text))}${section(
        guide.keep,
        html`<p>${guide.keepWords}</p>`,
        copyBlock(commands.keep, text),
      )}${section(guide.prove, html`<p>${guide.proveWords}</p>`, copyBlock(commands.prove, text))}${section(
        guide.read,
        copyBlock(commands.read, text),
      )}${section(
        guide.questions,
        table<readonly [string, string]>({
          caption: guide.questionsCaption,
          empty: text.parts.none,
          rows: guide.table,
          columns: [
            { title: guide.question, cell: ([question]) => question },
            {
              title: guide.events,
              cell: ([, kinds]) =>
                html`<a href="/audit?${new URLSearchParams({ kind: kinds }).toString()}"><code>${kinds}</code></a>`,
            },
          ],
        }),
      )}`,
    };
  },
};
