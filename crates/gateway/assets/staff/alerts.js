// What calls a rep who looks elsewhere: a sound, a desktop notification, the page's title; and whether anybody touches
// the computer. Must not know the desk.

import { words } from './words.js';

const QUIET = 'deskbell-console-quiet';
const ASKED = 'deskbell-console-asked';

/** A bell of two soft tones, made here so that nothing is fetched. */
export class Bell {
  #context;

  get muted() {
    return localStorage.getItem(QUIET) === 'yes';
  }

  set muted(muted) {
    localStorage.setItem(QUIET, muted ? 'yes' : 'no');
  }

  /** Browsers let a page sound only after a touch. */
  wake() {
    this.#context ??= new AudioContext();
    if (this.#context.state === 'suspended') this.#context.resume().catch(() => { this.blocked = true; });
  }

  ring(urgent = true) {
    this.rung = (this.rung ?? 0) + 1;
    if (this.muted || !this.#context) return;
    const tones = urgent ? [[880, 0], [1174.66, 0.16], [880, 0.5], [1174.66, 0.66]] : [[880, 0]];
    for (const [pitch, at] of tones) this.#tone(pitch, this.#context.currentTime + at, urgent ? 0.16 : 0.07);
  }

  #tone(pitch, at, loudness) {
    const [voice, volume] = [this.#context.createOscillator(), this.#context.createGain()];
    voice.type = 'sine';
    voice.frequency.value = pitch;
    volume.gain.setValueAtTime(0, at);
    volume.gain.linearRampToValueAtTime(loudness, at + 0.015);
    volume.gain.exponentialRampToValueAtTime(0.0001, at + 0.5);
    voice.connect(volume).connect(this.#context.destination);
    voice.start(at);
    voice.stop(at + 0.55);
  }
}

/** Notifications of the desktop, one for each offer, gone with it. */
export class Notices {
  #shown = new Map();

  get canAsk() {
    return 'Notification' in window && Notification.permission === 'default' && localStorage.getItem(ASKED) !== 'no';
  }

  async ask() {
    await Notification.requestPermission();
  }

  refuse() {
    localStorage.setItem(ASKED, 'no');
  }

  show(key, title, body, chosen) {
    if (!('Notification' in window) || Notification.permission !== 'granted' || document.hasFocus()) return;
    const notice = new Notification(title, { body, tag: key, requireInteraction: true });
    notice.onclick = () => {
      window.focus();
      notice.close();
      chosen();
    };
    this.#shown.set(key, notice);
  }

  withdraw(key) {
    this.#shown.get(key)?.close();
    this.#shown.delete(key);
  }
}

/** Tells whether the computer is used: of the whole machine where the browser may say so, else of this page. */
export class Presence {
  #touched = Date.now();
  #detector;
  #machineIdle;

  constructor(idleAfter, changed) {
    this.idleAfter = idleAfter * 1000;
    this.changed = changed;
    for (const sign of ['pointermove', 'pointerdown', 'keydown', 'wheel', 'touchstart', 'focus']) {
      addEventListener(sign, () => this.touch(), { passive: true, capture: true });
    }
    setInterval(() => this.#look(), 1000);
    this.#watchMachine();
  }

  touch() {
    this.#touched = Date.now();
    this.#look();
  }

  /** The machine's own word needs a permission, which is asked for with that of notifications. */
  async allowMachine() {
    if (!('IdleDetector' in window)) return;
    if (await IdleDetector.requestPermission() === 'granted') await this.#watchMachine();
  }

  async #watchMachine() {
    if (!('IdleDetector' in window) || this.#detector) return;
    const { state } = await navigator.permissions.query({ name: 'idle-detection' });
    if (state !== 'granted') return;
    this.#detector = new IdleDetector();
    this.#detector.addEventListener('change', () => {
      this.#machineIdle = this.#detector.userState === 'idle' || this.#detector.screenState === 'locked';
      this.#look();
    });
    await this.#detector.start({ threshold: Math.max(60_000, this.idleAfter) });
  }

  #look() {
    const here = Date.now() - this.#touched < this.idleAfter;
    this.changed(!(here || this.#machineIdle === false));
  }
}

/** The page's title counts what waits. */
export function title(offers, unread) {
  const count = offers + unread;
  document.title = count ? `(${count}) ${words.title}` : words.title;
}
