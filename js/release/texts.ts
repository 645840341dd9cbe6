/** What stands in the place of a frame that waits. */

/** The sentence, with {host} in it, and the two buttons. */
export interface FrameTexts {
  readonly from: string;
  readonly once: string;
  readonly always: string;
}

/** By language. */
export const frameTexts: Readonly<Record<string, FrameTexts>> = {
  kk: {
    from: 'Бұл мазмұн {host} сайтынан жүктеледі. Ол сіз рұқсат берсеңіз ғана көрсетіледі.',
    once: 'Бір рет рұқсат беру',
    always: 'Әрқашан рұқсат беру',
  },
  ru: {
    from: 'Это содержимое загружается с сайта {host}. Оно появится, только если вы разрешите.',
    once: 'Разрешить один раз',
    always: 'Разрешать всегда',
  },
  en: {
    from: 'This content is loaded from {host}. It is shown only if you allow it.',
    once: 'Allow once',
    always: 'Always allow',
  },
};
