import type { Permission } from '@sallyport/accounts';
import type { Actor } from '../actor.ts';
import type { Desk } from '../desk/desk.ts';
import type { Html } from '../html.ts';
import type { NoticeKey } from '../texts/en/notices.ts';
import type { Catalogue } from '../texts/en.ts';
import type { Theme } from './theme.ts';

/** What a page gets to see of a request. All of it is a stranger's text until it is parsed. */
export interface PageRequest {
  readonly actor: Actor;
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** Fields of a POST; empty for GET. */
  readonly form: URLSearchParams;
  readonly desk: Desk;
  readonly now: Date;
  /** For the hidden field `csrf` of every form. */
  readonly csrf: string;
  readonly text: Catalogue;
}

export type PageAnswer =
  | {
      readonly kind: 'page';
      readonly title: string;
      readonly body: Html;
      readonly status?: number;
    }
  /** After a POST; the notice is shown once at the top of the page that follows. */
  | {
      readonly kind: 'redirect';
      readonly to: string;
      readonly notice?: NoticeKey;
      readonly theme?: Theme;
    }
  | {
      readonly kind: 'file';
      readonly type: string;
      readonly name: string;
      readonly bytes: Buffer | string | AsyncIterable<Buffer | string>;
    }
  | { readonly kind: 'not-found' };

/** One page, or what one of its forms does. The shell has checked the permission and the form's origin. */
export interface Page {
  readonly method: 'GET' | 'POST';
  /** As fastify writes it: `/partners/:name`. */
  readonly path: string;
  readonly permission: Permission | 'signed-in';
  /** It asks for a sign-in of a short while ago; whoever must show again who they are comes back here, `:name` filled in. */
  readonly freshFor?: string;
  answer(request: PageRequest): Promise<PageAnswer>;
}
