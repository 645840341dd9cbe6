/**
 * The permanent way back to the settings, on pages that have no element with the
 * id kelisim-open of their own: a small button. The loader opens the settings
 * when it is clicked.
 */

import { firstOf } from './language.ts';

const labels: Readonly<Record<string, string>> = {
  kk: 'Құпиялылық баптаулары',
  ru: 'Настройки конфиденциальности',
  en: 'Privacy settings',
};

window.kelisimBoot!.w = ({ script }) => {
  if (document.getElementById('kelisim-open')) return;
  const control = document.createElement('button');
  control.id = 'kelisim-open';
  control.type = 'button';
  control.textContent = labels[(control.lang = firstOf(script.dataset['lang'], Object.keys(labels)))]!;
  control.style.cssText =
    'all:revert;position:fixed;z-index:2147483646;inset-inline-start:8px;bottom:8px;min-height:44px;padding:0 16px;border:1px solid;' +
    'border-radius:22px;font:13px system-ui,sans-serif;color-scheme:light dark;color:CanvasText;background:Canvas;cursor:pointer';
  document.body.append(control);
};
