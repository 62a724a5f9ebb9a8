// The bell's and the panel's texts in Arabic; the English ones are with the code.

const rules = new Intl.PluralRules('ar');
const number = new Intl.NumberFormat('ar');
const many = (n, forms) => (forms[rules.select(n)] ?? forms.other).replace('#', number.format(n));
const time = (n) => ({ 0: 'أقل من دقيقة', 1: 'دقيقة', 30: 'نصف ساعة', 60: 'ساعة' })[n]
  ?? (n < 60 ? many(n, { two: 'دقيقتين', few: '# دقائق', many: '# دقيقة', other: '# دقيقة' }) : many(n / 60, { two: 'ساعتين', few: '# ساعات', many: '# ساعة', other: '# ساعة' }));

export const direction = 'rtl';

export const bell = {
  purpose: 'اطلب المساعدة.',
  unknown: 'اطلب المساعدة',
  lost: 'لا يوجد اتصال',
  someone: 'يمكننا مساعدتك الآن',
  people: (n) => many(n, { one: 'شخص واحد يمكنه مساعدتك الآن', two: 'شخصان يمكنهما مساعدتك الآن', few: '# أشخاص يمكنهم مساعدتك الآن', many: '# شخصًا يمكنهم مساعدتك الآن', other: '# شخص يمكنهم مساعدتك الآن' }),
  noEstimate: 'لا نعرف مدة الانتظار بعد',
  closed: 'لا يوجد أحد في الخدمة الآن',
  about: (minutes) => (minutes ? `حوالي ${time(minutes)}` : 'أقل من دقيقة'),
  time,
  range: (low, high, confidence) => {
    const lower = low < 60 && high < 60 && low !== 30 && high !== 30 && low !== 1 ? number.format(low) : time(low);
    return `${low && low < high ? `من ${lower} إلى ${time(high)}` : `حتى ${time(high)}`}${confidence ? `، في ${number.format(Math.round(confidence * 10))} من كل ${number.format(10)} مرات` : ''}`;
  },
  back: (day, time) => (day ? `نعود ${day} الساعة ${time}` : `نعود الساعة ${time}`),
  tomorrow: 'غدًا',
  on: (day) => `يوم ${day}`,
  cannotOpen: 'تعذّر فتح المساعدة. حاول مرة أخرى.',
};

export const panel = {
  pill: {
    asking: 'نسأل أحد الزملاء الآن',
    place: (n, about) => `ترتيبك: ${number.format(n)}${about ? `، ${about[0].toLocaleLowerCase('ar')}${about.slice(1)}` : ''}`,
    waiting: 'أنت في الانتظار',
    open: (name) => `${name} معك الآن`,
    news: (n, name) => `${many(n, { one: 'رسالة جديدة من', two: 'رسالتان جديدتان من', few: '# رسائل جديدة من', many: '# رسالة جديدة من', other: '# رسالة جديدة من' })} ${name}`,
    ended: 'انتهت المحادثة',
  },
  someoneName: 'أحد الزملاء',
  you: 'أنت',
  form: {
    title: 'اطلب المساعدة',
    about: (skill) => `مساعدة: ${skill}`,
    message: 'كيف يمكننا مساعدتك؟',
    messageHint: 'تكفي جملة واحدة.',
    messageMissing: 'اكتب بضع كلمات أولًا ليساعدك الشخص المناسب.',
    name: 'اسمك',
    optional: 'اختياري',
    ask: 'اطلب المساعدة',
    asking: 'لحظة…',
    privacy: 'لا يُحفظ شيء على هذا الجهاز قبل أن تسأل.',
    closedTitle: 'لا يوجد أحد في الخدمة الآن',
    closedBody: 'اترك هذه النافذة مفتوحة: يمكنك السؤال فور وصول أحدنا.',
    closedBack: (back) => `${back}. اترك هذه النافذة مفتوحة: يمكنك السؤال فور وصول أحدنا.`,
  },
  talk: {
    log: 'المحادثة',
    minimise: 'إغلاق هذه اللوحة',
    end: 'إنهاء',
    leave: 'مغادرة',
    connecting: 'جارٍ الاتصال…',
    reconnecting: 'جارٍ إعادة الاتصال…',
    sending: 'جارٍ الإرسال…',
    held: 'ستُرسل عند عودة الاتصال',
    sent: 'أُرسلت',
    notSent: 'لم تُرسل',
    write: 'اكتب رسالة',
    writeWaiting: 'أضف شيئًا أثناء الانتظار',
    send: 'إرسال',
    typing: (name) => `${name} يكتب الآن`,
    here: 'معك الآن',
    offered: (name) => (name ? `نسأل ${name} الآن` : 'نسأل أحد الزملاء الآن'),
    offeredBody: 'يستغرق ذلك بضع ثوانٍ.',
    keep: 'نحتفظ بمكانك إذا أُغلقت هذه الصفحة.',
    callback: 'نتصل بك هاتفيًا',
    confirmEnd: 'هل تريد إنهاء هذه المحادثة؟',
    confirmLeave: 'هل تتخلى عن مكانك؟',
    confirmYes: 'نعم، إنهاء',
    confirmLeaveYes: 'نعم، مغادرة',
    confirmNo: 'متابعة',
    next: 'دورك هو التالي',
    place: (n) => `ترتيبك في الانتظار: ${number.format(n)}`,
    waiting: 'أنت في الانتظار',
  },
  ended: {
    title: 'انتهت المحادثة',
    left: 'لقد غادرت قائمة الانتظار',
    gone: 'لم تعد هذه المحادثة مفتوحة',
    rate: 'كيف كانت المحادثة؟',
    comment: 'هل تود إضافة شيء؟',
    sendRating: 'إرسال',
    thanks: 'شكرًا. وصل تقييمك إلى الفريق.',
    transcript: 'حفظ المحادثة',
    again: 'اسأل مرة أخرى',
    stars: (n) => ['سيئة', 'ليست جيدة', 'مقبولة', 'جيدة', 'جيدة جدًا'][n - 1],
  },
  problem: {
    401: 'لم يتمكن المتجر من التحقق من هويتك. أعد تحميل الصفحة وحاول مرة أخرى.',
    403: 'لا يمكن طلب المساعدة من هذه الصفحة.',
    404: 'خدمة المساعدة هذه غير معروفة هنا.',
    409: 'لا يوجد في الخدمة الآن من يمكنه المساعدة في هذا الأمر.',
    413: 'النص طويل جدًا. اختصره وحاول مرة أخرى.',
    429: 'وصلت طلبات كثيرة جدًا من هنا.',
    503: 'خدمة المساعدة تبدأ من جديد.',
    full: 'ينتظر عدد كبير من الأشخاص في هذه اللحظة.',
    other: 'لم ينجح ذلك.',
    offline: 'لا يوجد اتصال. تحقق من الشبكة وحاول مرة أخرى.',
    later: 'حاول مرة أخرى بعد قليل.',
    retry: (time) => `حاول مرة أخرى بعد ${time}.`,
    seconds: (n) => many(n, { one: 'ثانية', two: 'ثانيتين', few: '# ثوانٍ', many: '# ثانية', other: '# ثانية' }),
  },
};
