/** The banner: asks, brings the answer to the collector, and shows how to change it. */

import { readBanner, type BannerDocument, type TextKey } from '../contract/banner.ts';
import type { Banner, Host } from '../contract/boot.ts';
import type { Action, Decision } from '../contract/consent.ts';
import { deliver, uuid } from './deliver.ts';
import { uncover } from './uncover.ts';
import { button, element } from './element.ts';
import { firstOf } from './language.ts';
import { firstLayer, settings, type Acts } from './layers.ts';
import { release } from './release.ts';

const spoken = ['kk', 'ru', 'en'];
const lingering = 6e3; // milliseconds that a confirmation stays

function mount(host: Host): Banner {
  const { base, site, log } = host;
  const gpc = navigator.globalPrivacyControl === true;
  const status = element('p', { role: 'status' });
  const retry = element('div');
  const toast = element('div', { class: 'k-card k-toast', hidden: '' }, status, retry);
  const root = element('div', { id: 'kelisim', role: 'region' }, toast);
  let doc: BannerDocument | undefined;
  let choices: Record<string, boolean> = {};
  let bar: HTMLElement | undefined;
  let dialog: HTMLDialogElement | undefined;
  let back: HTMLElement | undefined; // where the keyboard was before it came to the banner
  let pending = new AbortController();
  let sending: Promise<unknown> = Promise.resolve();
  let vanish: ReturnType<typeof setTimeout> | undefined;

  const style = new Promise((ready) => {
    const link = element('link', { rel: 'stylesheet', href: host.style });
    link.onload = link.onerror = ready;
    document.head.append(link);
  });

  const get = async (lang: string, again: boolean): Promise<BannerDocument | undefined> => {
    const query = `site=${encodeURIComponent(site)}&lang=${lang}${again ? '&again=1' : ''}`;
    try {
      const answer = await fetch(`${base}v1/banner?${query}`);
      const read = answer.ok ? readBanner(await answer.json()) : undefined;
      if (!read) log('cannot show the banner', answer.status);
      return read;
    } catch (error) {
      log('cannot show the banner', error);
      return undefined;
    }
  };

  const say = (key: TextKey | undefined, again?: () => void): void => {
    clearTimeout(vanish);
    const text = (key && doc?.texts[key]) ?? '';
    toast.hidden = !text;
    status.textContent = '';
    retry.replaceChildren(...(again && text ? [button(doc?.texts.retry ?? '', { class: 'k-button k-plain' }, again)] : []));
    root.classList.toggle('k-above', !bar);
    if (text) {
      attach();
      // A reader announces what changes in a region that is already there.
      setTimeout(() => (status.textContent = text), 50);
      if (!again) vanish = setTimeout(() => say(undefined), lingering);
    }
    tidy();
  };

  /** Puts the root first in the page, so that a keyboard reaches it first. */
  const attach = (): void => {
    if (!root.isConnected) document.body.prepend(root);
  };

  /** Takes the root out of the page when there is nothing in it to see. */
  const tidy = (): void => {
    if (toast.hidden && !dialog && (!bar || bar.hidden)) root.remove();
  };

  const closeDialog = (): void => {
    dialog?.close();
    dialog?.remove();
    dialog = undefined;
  };

  const close = (): void => {
    const inside = root.contains(document.activeElement);
    closeDialog();
    bar?.remove();
    bar = undefined;
    tidy();
    if (inside) back?.focus();
  };

  const decide = (action: Action): void => {
    const shown = doc;
    const own: Decision = {
      v: 1,
      site,
      edition: shown?.edition ?? (host.state() as { edition?: string }).edition ?? '',
      lang: shown?.lang ?? firstOf(host.lang, spoken),
      action,
      ...(action === 'custom' && { choices: Object.fromEntries(shown!.purposes.map(({ id }) => [id, choices[id] === true])) }),
      key: uuid(),
      shown: { variant: shown?.variant ?? 'api', text_sha256: shown?.text_sha256 ?? '' },
      ...(gpc && { gpc }),
    };
    pending.abort();
    pending = new AbortController();
    const { signal } = pending;
    const inside = root.contains(document.activeElement);
    closeDialog();
    if (bar) bar.hidden = true;
    say(undefined);
    if (inside) back?.focus();
    // One after another, so that the collector hears them in order.
    sending = sending.then(() => send(own, signal));
  };

  const send = async (decision: Decision, signal: AbortSignal): Promise<void> => {
    const failed = (why: TextKey, again: () => void): void => {
      log('not saved yet', why);
      if (!doc) return;
      if (bar) bar.hidden = false;
      say(why, again);
    };
    const delivery = await deliver(base, decision, failed, signal);
    log(decision.action, delivery);
    if (delivery === 'saved') {
      host.update();
      host.channel?.postMessage(0);
      close();
      const { status: now } = host.state();
      say(now === 'refused' ? 'refused_note' : now === 'withdrawn' ? 'withdrawn_note' : 'saved');
    } else if (delivery === 'outdated' && doc) {
      await show(doc.lang, true);
      say('error_busy');
    }
  };

  const acts: Acts = {
    acceptAll: () => decide('accept_all'),
    refuseAll: () => decide('refuse_all'),
    save: () => decide('custom'),
    withdraw: () => decide('withdraw'),
    customise: () => openDialog(),
    close() {
      closeDialog();
      tidy();
    },
    speak: (lang) => void show(lang, true).then(() => root.querySelector<HTMLElement>(`${dialog ? 'dialog ' : ''}[data-kelisim-lang="${lang}"]`)?.focus()),
  };

  const fill = (): void =>
    dialog!.replaceChildren(settings(doc!, base, gpc, choices, host.state().status === 'granted', acts));

  const openDialog = (): void => {
    dialog ??= element('dialog', { class: 'k-dialog', 'aria-labelledby': 'kelisim-settings' });
    const mine = dialog;
    // A handler that returns false would take back a click on a checkbox: hence the braces.
    mine.onclose = () => {
      if (mine === dialog) acts.close();
    };
    mine.onclick = ({ target }) => {
      if (target === mine) acts.close();
    };
    fill();
    root.append(mine);
    if (!mine.open) mine.showModal();
  };

  /** Asks the collector what to ask, and shows it in the layer that is open, or in the right one. */
  const show = async (lang: string, again: boolean): Promise<void> => {
    const next = await get(lang, again);
    await style;
    if (!next) return;
    if (!again) choices = { ...next.choices };
    doc = next;
    root.lang = doc.lang;
    root.setAttribute('aria-label', doc.texts.title ?? '');
    root.dataset['reason'] = doc.reason;
    attach();
    if (!host.state().raw) {
      const layer = firstLayer(doc, base, gpc, acts);
      if (bar) bar.replaceWith(layer);
      else root.append(layer);
      bar = layer;
    }
    if (dialog) fill();
    else if (host.state().raw) openDialog();
  };

  const open = async (): Promise<void> => {
    if (dialog) return;
    if (bar && !host.state().raw) {
      bar.hidden = false;
      bar.querySelector<HTMLElement>('[data-kelisim-action]')?.focus();
      return;
    }
    await show(firstOf(host.lang, spoken), false);
    const best = doc && firstOf(host.lang, doc.langs);
    if (best && best !== doc!.lang) await show(best, true);
  };

  root.addEventListener('focusin', ({ relatedTarget }) => {
    if (relatedTarget instanceof HTMLElement && !root.contains(relatedTarget)) back = relatedTarget;
  });
  document.addEventListener('focusin', ({ target }) => bar && !bar.hidden && uncover(target as HTMLElement, root));

  return {
    open: () => void open(),
    close,
    withdraw: () => (host.state().status === 'granted' ? decide('withdraw') : log('nothing to withdraw')),
    release: () => release(host.state().purposes, host.nonce, host.trusted),
  };
}

window.kelisimBoot!.b = mount;
