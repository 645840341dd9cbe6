/** What the fixture collector asks, in three languages. Columns: Kazakh, Russian, English. */

import type { BannerDocument, FirstDocument, Item, TextKey } from '../contract/banner.ts';

/** The languages, in the order of the columns. */
export const langs = ['kk', 'ru', 'en'] as const;

type Row = readonly [string, string, string];

const texts: Record<TextKey, Row> = {
  title: ['Келісіміңізді сұраймыз', 'Мы просим вашего согласия', 'We ask for your consent'],
  intro: [
    'Келісім берсеңіз, Example LLP сайтты қалай пайдаланатыныңыз туралы дербес деректерді сервис сапасын жақсарту (сайт статистикасы), сондай-ақ жарнама және маркетинг мақсатында жинап, өңдейді.',
    'Если вы дадите согласие, Example LLP будет собирать и обрабатывать персональные данные о том, как вы пользуетесь сайтом, для улучшения качества сервиса (статистика сайта), а также для рекламы и маркетинга.',
    'If you consent, Example LLP will collect and process personal data about how you use this site to improve the service (site statistics), and also for advertising and marketing.',
  ],
  nothing_stored: [
    'Таңдау жасағаныңызға дейін сіз туралы ештеңе сақталмайды. Бас тартсаңыз да, сайт бұрынғыдай жұмыс істейді.',
    'Пока вы не сделали выбор, о вас ничего не сохраняется. Если вы откажетесь, сайт будет работать как прежде.',
    'Nothing about you is stored until you choose. If you refuse, the site works as before.',
  ],
  change_any_time: [
    'Таңдауыңызды кез келген уақытта өзгерте аласыз: кез келген беттегі «Құпиялылық баптаулары» батырмасын басыңыз.',
    'Вы можете изменить свой выбор в любое время: нажмите «Настройки конфиденциальности» на любой странице.',
    'You can change your choice at any time: press “Privacy settings” on any page.',
  ],
  reason_note: ['', '', ''],
  gpc_note: [
    'Шолғышыңыз Global Privacy Control (GPC) сигналын жібереді, сондықтан жарнама мен маркетинг және деректерді үшінші тұлғаларға беру өшірулі. Мұны өзіңіз өзгерте аласыз.',
    'Ваш браузер передаёт сигнал Global Privacy Control (GPC), поэтому реклама и маркетинг, а также передача данных третьим лицам выключены. Вы можете изменить это сами.',
    'Your browser sends a Global Privacy Control (GPC) signal, so advertising and marketing and transfer to third parties are off. You can change this yourself.',
  ],
  accept_all: ['Барлығын қабылдау', 'Принять все', 'Accept all'],
  refuse_all: ['Барлығынан бас тарту', 'Отклонить все', 'Refuse all'],
  customise: ['Баптау', 'Настроить', 'Customise'],
  save: ['Таңдауымды сақтау', 'Сохранить мой выбор', 'Save my choice'],
  withdraw: ['Келісімді кері қайтарып алу', 'Отозвать согласие', 'Withdraw consent'],
  settings: ['Құпиялылық баптаулары', 'Настройки конфиденциальности', 'Privacy settings'],
  close: ['Таңдау жасамай жабу', 'Закрыть, не выбирая', 'Close without choosing'],
  cancel: ['Болдырмау', 'Отмена', 'Cancel'],
  retry: ['Қайталау', 'Повторить', 'Try again'],
  policy: ['Құпиялылық саясаты', 'Политика конфиденциальности', 'Privacy policy'],
  language: ['Тіл', 'Язык', 'Language'],
  on: ['Қосулы', 'Включено', 'On'],
  off: ['Өшірулі', 'Выключено', 'Off'],
  always_on: ['Әрқашан қосулы', 'Всегда включено', 'Always on'],
  why_title: ['Неліктен сұраймыз', 'Почему мы спрашиваем', 'Why we ask'],
  why_law: [
    'Қазақстан Республикасының заңы бойынша дербес деректер, заңда көзделген жағдайларды қоспағанда, тек сіздің келісіміңізбен жиналады және өңделеді.',
    'По закону Республики Казахстан персональные данные собираются и обрабатываются только с вашего согласия, кроме случаев, предусмотренных законом.',
    'Under the law of the Republic of Kazakhstan personal data are collected and processed only with your consent, except where the law provides otherwise.',
  ],
  necessary_title: ['Сайт жұмысына қажетті файлдар', 'Файлы, необходимые для работы сайта', 'Files the site needs to work'],
  necessary_text: [
    'Бұл файлдар сайттың жұмыс істеуі және таңдауыңызды есте сақтау үшін ғана қолданылады.',
    'Эти файлы используются только для работы сайта и чтобы запомнить ваш выбор.',
    'These files are used only to run the site and to remember your choice.',
  ],
  saved: ['Таңдауыңыз сақталды', 'Ваш выбор сохранён', 'Your choice is saved'],
  withdrawn_note: [
    'Келісіміңіз кері қайтарып алынды. Деректерді жинау тоқтатылды, жиналған деректер 23.11.2026 күнінен кешіктірілмей жойылады.',
    'Ваше согласие отозвано. Сбор данных прекращён, собранные данные будут удалены не позднее 23.11.2026.',
    'Your consent is withdrawn. Collection has stopped; the collected data will be erased no later than 23.11.2026.',
  ],
  refused_note: [
    'Бас тартуыңыз сақталды. Сіз туралы деректер жиналмайды.',
    'Ваш отказ сохранён. Данные о вас не собираются.',
    'Your refusal is saved. No data are collected about you.',
  ],
  error_offline: [
    'Сервермен байланыс орнату мүмкін болмады. Таңдауыңыз әзірге сақталған жоқ. Интернет байланысын тексеріп, қайталап көріңіз.',
    'Не удалось связаться с сервером. Ваш выбор пока не сохранён. Проверьте подключение к интернету и повторите попытку.',
    'Could not reach the server. Your choice is not saved yet. Check your internet connection and try again.',
  ],
  error_busy: [
    'Сервис уақытша қолжетімсіз. Кейінірек қайталап көріңіз.',
    'Сервис временно недоступен. Повторите попытку позже.',
    'The service is temporarily unavailable. Try again later.',
  ],
  recipients_title: ['Деректерді алушылар', 'Получатели данных', 'Recipients of the data'],
  terms_title: ['Келісімнің мазмұны', 'Содержание согласия', 'What the consent states'],
  data_title: ['Жиналатын деректердің тізбесі', 'Перечень собираемых данных', 'List of data collected'],
  retention_title: ['Сақтау мерзімі', 'Срок хранения', 'Retention period'],
  services_title: ['Сервистер', 'Сервисы', 'Services'],
  stores_title: ['Шолғышта сақталатын деректер', 'Данные, которые хранятся в браузере', 'Data stored in the browser'],
};

const items: readonly (Pick<Item, 'id' | 'kind' | 'gpc'> & {
  title: Row;
  text: Row;
  statement: Row;
  data: readonly Row[];
  retention: Row;
  services?: readonly { name: string; provider: Row; stores: readonly string[] }[];
})[] = [
  {
    id: 'analytics',
    kind: 'purpose',
    gpc: false,
    title: ['Сервис сапасын жақсарту (сайт статистикасы)', 'Улучшение качества сервиса (статистика сайта)', 'Improving the service (site statistics)'],
    text: [
      'Қай беттер ашылатынын, келушілердің қайдан келетінін және қандай құрылғы пайдаланатынын есепке аламыз. Нәтижелер тек жиынтық түрде көрсетіледі.',
      'Мы учитываем, какие страницы открывают, откуда приходят посетители и какими устройствами пользуются. Результаты показываются только в сводном виде.',
      'We record which pages are opened, where visitors come from and what devices they use. The results are shown only as totals.',
    ],
    statement: [
      'Дербес деректерімнің сервис сапасын жақсарту (сайт статистикасы) мақсатында жиналуына және өңделуіне келісім беремін.',
      'Даю согласие на сбор и обработку моих персональных данных для улучшения качества сервиса (статистика сайта).',
      'I consent to the collection and processing of my personal data to improve the service (site statistics).',
    ],
    data: [
      ['бет мекенжайы (параметрлерсіз)', 'адрес страницы (без параметров)', 'page address without parameters'],
      ['осы сайтқа бағыттаған сайт', 'сайт, с которого вы перешли', 'site you came from'],
      ['қысқартылған IP мекенжайы (соңғы бөлігі алынып тасталған)', 'усечённый IP-адрес (без последней части)', 'shortened IP address (last part removed)'],
      ['шолғыш, құрылғы', 'браузер, устройство', 'browser, device'],
      ['сессия идентификаторы', 'идентификатор сессии', 'session identifier'],
    ],
    retention: ['90 күн', '90 дней', '90 days'],
  },
  {
    id: 'marketing',
    kind: 'purpose',
    gpc: true,
    title: ['Жарнама және маркетинг', 'Реклама и маркетинг', 'Advertising and marketing'],
    text: [
      'Қай жарнама науқаны арқылы келгеніңізді тіркейміз және төменде аталған алушылардың жарнама құралдарын іске қосамыз.',
      'Мы фиксируем, по какой рекламной кампании вы пришли, и включаем рекламные инструменты получателей, указанных ниже.',
      'We record which advertising campaign brought you here and turn on the advertising tools of the recipients named below.',
    ],
    statement: [
      'Дербес деректерімнің жарнама және маркетинг мақсатында жиналуына және өңделуіне келісім беремін.',
      'Даю согласие на сбор и обработку моих персональных данных для рекламы и маркетинга.',
      'I consent to the collection and processing of my personal data for advertising and marketing.',
    ],
    data: [
      ['жарнама науқаны', 'рекламная кампания', 'advertising campaign'],
      ['сессия идентификаторы', 'идентификатор сессии', 'session identifier'],
    ],
    retention: ['30 күн', '30 дней', '30 days'],
    services: [{ name: 'Example Ads', provider: ['«Example Ads» ЖШС', 'ТОО «Example Ads»', 'Example Ads LLP'], stores: ['_example_ads', 'example-ads'] }],
  },
  {
    id: 'third_party',
    kind: 'third_party',
    gpc: true,
    title: ['Деректерді үшінші тұлғаларға беру', 'Передача данных третьим лицам', 'Transfer to third parties'],
    text: ['Алушылар төменде аталған.', 'Получатели указаны ниже.', 'The recipients are named below.'],
    statement: [
      'Дербес деректерімнің көрсетілген үшінші тұлғаларға берілуіне келісім беремін.',
      'Даю согласие на передачу моих персональных данных указанным третьим лицам.',
      'I consent to the transfer of my personal data to the third parties named.',
    ],
    data: [],
    retention: ['', '', ''],
  },
];

const recipients: readonly { name: string; country: Row; purposes: readonly number[] }[] = [
  { name: 'Example Ads LLP', country: ['Қазақстан', 'Казахстан', 'Kazakhstan'], purposes: [1] },
];

const terms: readonly [Row, Row][] = [
  [['Оператор', 'Оператор', 'Operator'], ['Example LLP', 'Example LLP', 'Example LLP']],
  [['БСН', 'БИН', 'BIN'], ['000000000000', '000000000000', '000000000000']],
  [['Мекенжайы', 'Адрес', 'Address'], ['Алматы, Үлгі көшесі, 1', 'Алматы, ул. Примерная, 1', '1 Example Street, Almaty']],
  [['Өтініштерге арналған байланыс деректері', 'Контакты для обращений', 'Contact for requests'], ['privacy@example.com', 'privacy@example.com', 'privacy@example.com']],
  [
    ['Келісімнің қолданылу мерзімі', 'Срок действия согласия', 'Term of the consent'],
    ['Келісіміңіз 01.05.2027 күніне дейін қолданылады.', 'Ваше согласие действует до 01.05.2027.', 'Your consent is valid until 01.05.2027.'],
  ],
  [
    ['Трансшекаралық беру', 'Трансграничная передача', 'Cross-border transfer'],
    ['Трансшекаралық беру жүзеге асырылмайды.', 'Трансграничная передача не осуществляется.', 'There is no cross-border transfer.'],
  ],
  [
    ['Жалпыға бірдей қолжетімді көздерде тарату', 'Распространение в общедоступных источниках', 'Publication in public sources'],
    ['Деректер жалпыға бірдей қолжетімді көздерде таратылмайды.', 'Данные не распространяются в общедоступных источниках.', 'The data are not published in public sources.'],
  ],
  [['Деректер сақталатын ел', 'Страна хранения данных', 'Country of storage'], ['Қазақстан', 'Казахстан', 'Kazakhstan']],
  [
    ['Сіздің құқықтарыңыз', 'Ваши права', 'Your rights'],
    [
      'Сіз өзіңіз туралы қандай деректер сақталғанын білуге, оларды түзетуді, бұғаттауды немесе жоюды талап етуге, келісімді кері қайтарып алуға және уәкілетті органға шағымдануға құқылысыз.',
      'Вы вправе узнать, какие данные о вас хранятся, потребовать исправить, заблокировать или удалить их, отозвать согласие и обратиться с жалобой в уполномоченный орган.',
      'You may learn what data are held about you, demand that they be corrected, blocked or erased, withdraw your consent and complain to the authority.',
    ],
  ],
  [['Саясаттың редакциясы', 'Редакция политики', 'Edition of the policy'], ['№ 1 редакция, күні: 22.11.2026', 'Редакция № 1 от 22.11.2026', 'Edition No. 1 of 22.11.2026']],
];

/** The ids of the items asked for, and which of them a privacy signal lowers. */
export const asked = items.map(({ id, gpc }) => ({ id, gpc }));

/** The document in the first of some languages that is one of ours; else in the first of ours. */
export function documentIn(wanted: string, edition: string, choices: BannerDocument['choices']): BannerDocument {
  const column = (wanted.split(',').map((tag) => (langs as readonly string[]).indexOf(tag.trim().slice(0, 2))).find((index) => index >= 0) ?? 0) as 0 | 1 | 2;
  const inLang = (row: Row): string => row[column];
  return {
    v: 1,
    site: 'shop',
    edition,
    lang: langs[column],
    langs,
    variant: 'bar-1',
    text_sha256: String(column).repeat(64),
    reason: choices ? 'settings' : 'first',
    texts: Object.fromEntries(Object.entries(texts).map(([key, row]) => [key, inLang(row)])) as Record<TextKey, string>,
    purposes: items.map((item) => ({
      ...item,
      title: inLang(item.title),
      text: inLang(item.text),
      statement: inLang(item.statement),
      data: item.data.map(inLang),
      retention: inLang(item.retention),
      services: (item.services ?? []).map(({ name, provider, stores }) => ({
        name,
        provider: inLang(provider),
        country: inLang(['Қазақстан', 'Казахстан', 'Kazakhstan']),
        retention: inLang(['30 күн', '30 дней', '30 days']),
        stores,
      })),
    })),
    recipients: recipients.map(({ name, country, purposes }) => ({ name, country: inLang(country), purposes: purposes.map((i) => inLang(items[i]!.title)) })),
    terms: terms.map(([label, value]) => ({ label: inLang(label), value: inLang(value) })),
    policy_url: `privacy/shop?lang=${langs[column]}`,
    choices,
  };
}

const firstKeys: readonly TextKey[] = [
  'title', 'intro', 'nothing_stored', 'change_any_time', 'reason_note', 'gpc_note', 'accept_all', 'refuse_all', 'customise',
  'policy', 'settings', 'language', 'saved', 'refused_note', 'error_offline', 'error_busy', 'retry',
];

/** The part of a document that the first layer gets. */
export function firstLayerOf({ v, edition, lang, langs, variant, text_sha256, texts, purposes, policy_url }: BannerDocument): FirstDocument {
  const some = Object.fromEntries(firstKeys.map((key) => [key, texts[key]])) as FirstDocument['texts'];
  return { v, edition, lang, langs, variant, text_sha256, texts: some, policy_url, purposes: purposes.map(({ id, title }) => ({ id, title })) };
}
