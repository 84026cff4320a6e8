// Draws the emoji and icons of the npm packages: raw pixels to train on, PNG files to evaluate on.
//
//   node rasterise.mjs WORK [--pictures]     (WORK/node_modules holds the packages of package.json)
//
// Writes WORK/data/emoji.rgba and icons.a8 (80 x 80 pixels each), data.json (names, what each image shows),
// and WORK/pictures/<style>/<hexcode>.png (256 x 256 on white) for the held-out styles and the validation split;
// with --pictures these alone, and WORK/data/pictures.json.

import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const work = path.resolve(process.argv[2] ?? 'build/pictograms');
const pictures_only = process.argv[3] === '--pictures';
const require = createRequire(path.join(work, 'node_modules', 'here.js'));
const sharp = require('sharp');
sharp.cache(false);

const training_size = 80;
const picture_size = 256;
const training_styles = ['noto', 'noto-v1', 'twemoji', 'emojione', 'fluent-emoji', 'fluent-emoji-flat', 'fxemoji'];
const flat_styles = ['twemoji', 'emojione', 'fluent-emoji-flat', 'fxemoji', 'noto-v1'];  // these take an outline well
const held_out_styles = ['openmoji', 'emojione-v1', 'streamline-emojis'];
const component_group = 2;  // skin tones and hair, which are parts of emoji

const is_unseen = concept => concept % 20 === 7;  // every twentieth name has no image in training
const white = { r: 255, g: 255, b: 255, alpha: 1 };
const nothing = { r: 0, g: 0, b: 0, alpha: 0 };

// Icons that are solid shapes or bold lines, all of them named in words.
const icon_sets = {
  'mdi': name => !/-outline|outline-/.test(name),
  'ph': name => /-(fill|duotone|bold)$/.test(name),
  'game-icons': () => true,
  'tabler': name => !/^brand-/.test(name),
  'material-symbols': name => !/-(outline|rounded|sharp|outline-rounded|outline-sharp)$/.test(name),
  'solar': name => /-(bold|bold-duotone)$/.test(name),
};
// Icons that are thin lines: taken where their name is also an emoji's name.
const line_icon_sets = {
  'mdi': name => /-outline$/.test(name),
  'ph': name => !/-(fill|duotone|bold)$/.test(name),
  'material-symbols': name => /-outline(-rounded)?$/.test(name),
  'solar': name => /-(linear|outline|broken|line-duotone)$/.test(name),
};
const is_line_icon = (set, name) =>
  set === 'tabler' ? !/-filled$/.test(name) : Boolean(line_icon_sets[set]?.(name)) || (set === 'ph' && /-(bold|duotone)$/.test(name));

// Names --------------------------------------------------------------------------------------------------------------

const without_variation_selector = hexcode => hexcode.toLowerCase().split('-').filter(part => part !== 'fe0f').join('-');
const slug = label => label.toLowerCase().replace(/[’']/g, '').replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '');
const style_suffix = /-(fill|filled|duotone|bold|bold-duotone|light|thin|linear|broken|line|outline|outlined|rounded|sharp|variant|\d+)$/;

function icon_words(name) {
  for (let round = 0; round < 3; round++) name = name.replace(style_suffix, '');
  return name;
}

function read_concepts() {
  const names_of = {};
  for (const style of ['noto', 'twemoji', 'openmoji', 'fluent-emoji-flat'])
    for (const [hexcode, name] of Object.entries(require(`@iconify-json/${style}/chars.json`)))
      (names_of[without_variation_selector(hexcode)] ??= new Set()).add(name);
  const concepts = [];
  const concept_of = {};
  for (const emoji of require('emojibase-data/en/data.json')) {
    if (emoji.group === undefined || emoji.group === component_group) continue;
    const hexcode = without_variation_selector(emoji.hexcode);
    const names = [...(names_of[hexcode] ?? []), slug(emoji.label)];
    for (const name of names) concept_of[name] ??= concepts.length;
    concepts.push({ label: emoji.label, keywords: emoji.tags ?? [], hexcode, group: emoji.group, subgroup: emoji.subgroup });
  }
  return { concepts, concept_of };
}

// Drawing ------------------------------------------------------------------------------------------------------------

function svg_of(set, icon, { body = icon.body, ink = '#222', margin = 0, size }) {
  const width = icon.width ?? set.width ?? 16, height = icon.height ?? set.height ?? 16;
  const left = (icon.left ?? 0) - margin * width, top = (icon.top ?? 0) - margin * height;
  const box = `${left} ${top} ${width * (1 + 2 * margin)} ${height * (1 + 2 * margin)}`;
  return Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="${box}" ` +
    `width="${size}" height="${size}">${body.replace(/currentColor/g, ink)}</svg>`);
}

const drawing = (svg, size, background) => sharp(svg).resize(size, size, { fit: 'contain', background }).ensureAlpha();

async function raw_pixels(svg) {
  const pixels = await drawing(svg, training_size, nothing).raw().toBuffer();
  return pixels.length === training_size * training_size * 4 ? pixels : null;
}

// The same drawing with a dark line round every shape, and all shapes white where `colours` is false: two further styles.
function outlined(set, icon, { colours, thickness }) {
  const width = (icon.width ?? set.width ?? 16) * thickness;
  const body = colours ? icon.body : icon.body.replace(/(fill|stop-color)(="|:)(?!none)[^";]+/g, '$1$2#fff');
  return `<g stroke="#000" stroke-width="${width}" stroke-linejoin="round" stroke-linecap="round">${body}</g>`;
}

// Work through tasks in order of their results while a few are being drawn.
async function in_order(tasks, draw, write) {
  const ahead = 8;
  const running = [];
  for (const task of tasks) {
    running.push([task, draw(task).catch(() => null)]);
    if (running.length >= ahead) await finish(running.shift());
  }
  for (const entry of running) await finish(entry);
  async function finish([task, promise]) {
    const pixels = await promise;
    if (pixels) write(task, pixels);
  }
}

// One image per name of a style.
function pictures_of(style, concept_of) {
  const set = require(`@iconify-json/${style}/icons.json`);
  const taken = new Set(), pictures = [];
  for (const [name, icon] of Object.entries(set.icons)) {
    const concept = concept_of[name];
    if (concept === undefined || taken.has(concept)) continue;
    taken.add(concept);
    pictures.push({ style, set, name, icon, concept });
  }
  return pictures;
}

// A fixed thirtieth of the training images of seen names is kept for validation.
const is_validation = (concept, style) => !is_unseen(concept) && (concept * 7 + training_styles.indexOf(style) * 13) % 30 === 4;

async function draw_emoji(concepts, concept_of) {
  const out = fs.openSync(path.join(work, 'data', 'emoji.rgba'), 'w');
  const entries = [];
  for (const style of training_styles) {
    const tasks = [];
    for (const picture of pictures_of(style, concept_of)) {
      if (is_unseen(picture.concept) || is_validation(picture.concept, style)) continue;
      tasks.push({ ...picture, kind: 'plain' });
      if (!flat_styles.includes(style)) continue;
      const thickness = [0.018, 0.026, 0.034][(picture.concept + training_styles.indexOf(style)) % 3];
      tasks.push({ ...picture, kind: 'outlined', body: outlined(picture.set, picture.icon, { colours: true, thickness }) });
      tasks.push({ ...picture, kind: 'line art', body: outlined(picture.set, picture.icon, { colours: false, thickness }) });
    }
    await in_order(tasks,
      task => raw_pixels(svg_of(task.set, task.icon, { body: task.body, margin: task.body ? 0.02 : 0, size: training_size })),
      (task, pixels) => { fs.writeSync(out, pixels); entries.push([task.style, task.concept, task.kind]); });
    console.log(style, tasks.length);
  }
  fs.closeSync(out);
  return entries;
}

async function draw_icons(concept_of) {
  const out = fs.openSync(path.join(work, 'data', 'icons.a8'), 'w');
  const entries = [];
  for (const [set_name, is_wanted] of Object.entries(icon_sets)) {
    const set = require(`@iconify-json/${set_name}/icons.json`);
    const tasks = [];
    for (const [name, icon] of Object.entries(set.icons)) {
      if (icon.hidden) continue;
      const words = icon_words(name);
      const concept = concept_of[words] ?? concept_of[`${words}-face`] ?? null;
      if (concept !== null && is_unseen(concept)) continue;
      const is_line_twin = concept !== null && line_icon_sets[set_name]?.(name);
      if (!is_wanted(name) && !is_line_twin) continue;
      tasks.push({ set, icon, entry: [set_name, words.replace(/-/g, ' '), concept_of[words] ?? null, is_line_icon(set_name, name)] });
    }
    await in_order(tasks,
      async ({ set, icon }) => {
        const svg = svg_of(set, icon, { ink: '#000', size: training_size });
        const pixels = await drawing(svg, training_size, nothing).extractChannel(3).raw().toBuffer();
        return pixels.length === training_size * training_size ? pixels : null;
      },
      (task, pixels) => { fs.writeSync(out, pixels); entries.push(task.entry); });
    console.log(set_name, tasks.length);
  }
  fs.closeSync(out);
  return entries;
}

async function draw_pictures(concepts, concept_of) {
  const entries = [];
  for (const style of [...training_styles, ...held_out_styles]) {
    const is_held_out = held_out_styles.includes(style);
    const tasks = pictures_of(style, concept_of).filter(({ concept }) => is_held_out || is_validation(concept, style));
    fs.mkdirSync(path.join(work, 'pictures', style), { recursive: true });
    await in_order(tasks,
      task => drawing(svg_of(task.set, task.icon, { size: picture_size }), picture_size, white).flatten({ background: white }).png().toBuffer(),
      (task, png) => {
        const file = path.join('pictures', style, `${concepts[task.concept].hexcode}.png`);
        fs.writeFileSync(path.join(work, file), png);
        entries.push([style, task.concept, file]);
      });
    console.log('pictures of', style, tasks.length);
  }
  return entries;
}

fs.mkdirSync(path.join(work, 'data'), { recursive: true });
const { concepts, concept_of } = read_concepts();
const pictures = await draw_pictures(concepts, concept_of);
fs.writeFileSync(path.join(work, 'data', 'pictures.json'), JSON.stringify({ concepts, pictures }));
if (pictures_only) process.exit(0);
const emoji = await draw_emoji(concepts, concept_of);
const icons = await draw_icons(concept_of);
fs.writeFileSync(path.join(work, 'data', 'data.json'), JSON.stringify({ size: training_size, concepts, emoji, icons, pictures }));
console.log(`${concepts.length} names, ${emoji.length} emoji, ${icons.length} icons, ${pictures.length} pictures`);
