// A condition as rows and groups, over the JSON of its textarea, which stays the truth: every change writes it, and what an
// expert writes there is read back. What a row cannot show stays as JSON in a row of its own.
"use strict";

function conditionForm(area) {
  const known = JSON.parse(area.dataset.vocabulary);
  const words = known.words;
  const fields = Object.fromEntries(known.fields.map((field) => [field.value, field]));
  const lengths = ["within_last", "more_than_ago", "within_next", "anniversary_within"];
  const lists = ["in", "not_in", "has_any", "has_all", "has_none", "between"];
  const bounds = ["=", "!=", ">", ">=", "<", "<="];
  const box = make("div", { className: "h-card" });
  const rows = make("div", {});
  const found = make("p", { className: "h-mute" });
  found.setAttribute("aria-live", "polite");
  const expert = make("details", {}, [make("summary", { textContent: words.expert })]);
  area.before(box);
  expert.append(area);
  box.append(rows, found, expert);
  let tree, timer, asked = 0;

  function make(tag, properties, inner = []) {
    const node = Object.assign(document.createElement(tag), properties);
    node.append(...inner);
    return node;
  }

  function select(label, options, value, change) {
    const node = make("select", { className: "h-input" });
    node.setAttribute("aria-label", label);
    for (const { value: key, label: text } of options) node.append(make("option", { value: key, textContent: text }));
    node.value = value;
    node.addEventListener("change", () => change(node.value));
    return node;
  }

  function input(label, type, value, change, more = {}) {
    const node = make("input", { type, value, className: "h-input", ...more });
    node.setAttribute("aria-label", label);
    node.addEventListener("change", () => change(node.value));
    return node;
  }

  function button(text, press) {
    const node = make("button", { type: "button", textContent: text, className: "h-link" });
    node.addEventListener("click", press);
    return node;
  }

  const named = (names) => names.map((name) => ({ value: name, label: known.operators[name] || name }));
  const kindOf = (node) => ["all", "any", "not"].find((kind) => kind in node);

  function leafKind(node) {
    const keys = Object.keys(node);
    if ("field" in node && fields[node.field]) return "field";
    if ("tag" in node) return "tag";
    if ("segment" in node) return "segment";
    if ("did" in node && keys.every((key) => ["did", "within", "count"].includes(key)) && /^(P\d+D)?$/.test(node.within || "")) return "did";
    return "other";
  }

  function fresh(kind) {
    const first = known.fields[0];
    return {
      field: () => ({ field: first.value, op: first.operators[0], value: firstValue(first, first.operators[0]) }),
      tag: () => ({ tag: known.tags[0] || "identity:vip" }),
      segment: () => ({ segment: (known.segments[0] || { value: "" }).value }),
      did: () => ({ did: "order", within: "P30D", count: { op: ">=", value: 1 } }),
      other: () => ({ consent: { channel: "sms", purpose: "marketing" } }),
    }[kind]();
  }

  function firstValue(field, op) {
    if (op === "is_set" || op === "is_not_set") return undefined;
    if (lengths.includes(op)) return "P30D";
    const today = new Date().toISOString().slice(0, 10);
    const one = field.choices.length ? field.choices[0].value
      : { number: 1, money: 100, boolean: true, date: today, time: `${today}T00:00:00Z` }[field.type] ?? "";
    return op === "between" ? [one, one] : lists.includes(op) ? [one] : one;
  }

  function read(field, text) {
    if (field.type === "number") return Number(text);
    if (field.type === "money") return Math.round(Number(text) * 100);
    if (field.type === "boolean") return text === "true";
    return field.type === "time" ? new Date(text).toISOString() : text;
  }

  function shown(field, value) {
    if (field.type === "money") return value / 100;
    return field.type === "time" ? local(value) : value;
  }

  function local(value) {
    const at = new Date(value);
    return isNaN(at) ? "" : new Date(at - at.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
  }

  function valueOf(node, field) {
    const set = (value) => { node.value = value; write(); };
    if (node.op === "is_set" || node.op === "is_not_set") return [];
    if (lengths.includes(node.op)) {
      const days = /^P(\d+)D$/.exec(node.value);
      return [input(words.value, "number", days ? days[1] : "", (text) => set(`P${text}D`), { min: 1 }), words.lasting];
    }
    if (node.op === "between") {
      return [0, 1].map((n) => one(field, node.value[n], (value) => { node.value[n] = value; write(); }));
    }
    if (lists.includes(node.op)) {
      const typed = (text) => set(text.split(/[,，]/).map((part) => part.trim()).filter(Boolean).map((part) => read(field, part)));
      if (!field.choices.length) return [input(words.value, "text", node.value.join(", "), typed, { placeholder: words.list })];
      const several = select(words.value, field.choices, "", () => set([...several.selectedOptions].map((option) => option.value)));
      several.multiple = true;
      for (const option of several.options) option.selected = node.value.includes(option.value);
      return [several];
    }
    return [one(field, node.value, set), field.type === "money" ? words.fen : field.unit];
  }

  function one(field, value, set) {
    if (field.choices.length) return select(words.value, field.choices, value, set);
    if (field.type === "boolean") {
      const both = [{ value: "true", label: words.yes }, { value: "false", label: words.no }];
      return select(words.value, both, String(value), (text) => set(text === "true"));
    }
    const type = { number: "number", money: "number", date: "date", time: "datetime-local" }[field.type] || "text";
    return input(words.value, type, shown(field, value), (text) => set(read(field, text)), { step: "any" });
  }

  function parts(node, kind, replace) {
    if (kind === "field") {
      const field = fields[node.field];
      const choose = (name, op) => {
        const next = fields[name];
        const operator = next.operators.includes(op) ? op : next.operators[0];
        replace(clean({ field: name, op: operator, value: firstValue(next, operator) }));
      };
      return [
        select(words.field, known.fields, node.field, (name) => choose(name, node.op)),
        select(words.operator, named(field.operators), node.op, (op) => choose(node.field, op)),
        ...valueOf(node, field),
      ];
    }
    if (kind === "tag") {
      const node_ = input(words.tag, "text", node.tag, (text) => { node.tag = text; write(); });
      node_.setAttribute("list", `${area.id}_tags`);
      return [node_];
    }
    if (kind === "segment") return [select(words.segment, known.segments, node.segment, (key) => { node.segment = key; write(); })];
    if (kind === "did") {
      const days = /^P(\d+)D$/.exec(node.within || "");
      const what = input(words.did, "text", node.did, (text) => { node.did = text; write(); });
      what.setAttribute("list", `${area.id}_records`);
      const count = node.count || { op: ">=", value: 1 };
      const bound = (change) => { node.count = Object.assign(count, change); write(); };
      return [
        what, words.within,
        input(words.within, "number", days ? days[1] : "", (text) => { if (text) node.within = `P${text}D`; else delete node.within; write(); }, { min: 1 }),
        select(words.operator, named(bounds), count.op, (op) => bound({ op })),
        input(words.times, "number", count.value, (text) => bound({ value: Number(text) }), { min: 0 }), words.times,
      ];
    }
    const raw = make("textarea", { value: JSON.stringify(node), rows: 2, className: "h-input", style: "min-width:24em" });
    raw.setAttribute("aria-label", words.other);
    raw.addEventListener("change", () => { try { replace(JSON.parse(raw.value)); } catch { raw.setAttribute("aria-invalid", "true"); } });
    return [raw];
  }

  const clean = (node) => { if (node.value === undefined) delete node.value; return node; };

  function leaf(node, replace, remove) {
    const kind = leafKind(node);
    const kinds = ["field", "tag", "segment", "did", "other"].filter((name) => name !== "segment" || known.segments.length)
      .map((name) => ({ value: name, label: words[name] }));
    return make("div", { className: "h-buttons" }, [
      select(words.add, kinds, kind, (next) => replace(clean(fresh(next)))),
      ...parts(node, kind, replace),
      button(words.remove, remove),
    ]);
  }

  function group(node, replace, remove) {
    const kind = kindOf(node);
    const inner = kind === "not" ? [node.not] : node[kind];
    const kinds = ["all", "any", "not"].map((name) => ({ value: name, label: words[name] }));
    const turn = (next) => {
      if (next === "not") replace({ not: inner.length === 1 ? inner[0] : node });
      else replace({ [next]: inner });
    };
    const head = make("div", { className: "h-buttons" }, [select(words.group, kinds, kind, turn)]);
    const list = make("div", { style: "border-inline-start:3px solid currentColor;padding-inline-start:1em;margin:.5em 0" });
    inner.forEach((item, n) => {
      const put = (next) => { if (kind === "not") node.not = next; else inner[n] = next; write(true); };
      const drop = () => { if (kind === "not" || inner.length === 1) remove(); else { inner.splice(n, 1); write(true); } };
      list.append(draw(item, put, drop));
    });
    if (kind !== "not") {
      head.append(
        button(`+ ${words.add}`, () => { inner.push(clean(fresh("field"))); write(true); }),
        button(`+ ${words.group}`, () => { inner.push({ any: [clean(fresh("field"))] }); write(true); }),
      );
    }
    return make("div", {}, [head, list]);
  }

  function draw(node, replace, remove) {
    return kindOf(node) ? group(node, replace, remove) : leaf(node, replace, remove);
  }

  function show() {
    rows.replaceChildren();
    if (tree === null) {
      rows.append(button(`+ ${words.add}`, () => { tree = { all: [clean(fresh("field"))] }; write(true); }));
      return;
    }
    if (!kindOf(tree)) tree = { all: [tree] };
    rows.append(group(tree, (next) => { tree = next; write(true); }, () => { tree = null; write(true); }));
  }

  function write(anew = false) {
    area.value = tree === null ? "" : JSON.stringify(tree, null, 2);
    if (anew) show();
    ask();
  }

  function load() {
    try { tree = area.value.trim() ? JSON.parse(area.value) : null; } catch { return; }
    if (tree !== null && (typeof tree !== "object" || Array.isArray(tree))) tree = null;
    show();
    ask();
  }

  function ask() {
    clearTimeout(timer);
    if (tree === null) { found.textContent = ""; return; }
    timer = setTimeout(async () => {
      const number = ++asked;
      found.textContent = words.counting;
      const token = area.form.querySelector("[name=csrfmiddlewaretoken]").value;
      const answer = await fetch(area.dataset.preview, { method: "POST", body: area.value, headers: { "X-CSRFToken": token } });
      if (number !== asked || !answer.ok) return;
      const said = await answer.json();
      found.className = said.faults ? "h-fault h-note" : "h-mute";
      const counted = words.found.replace("{count}", (said.count ?? 0).toLocaleString()).replace("{total}", (said.total ?? 0).toLocaleString());
      found.textContent = said.faults ? said.faults.join(" · ") : `${said.sentence} — ${counted}`;
    }, 300);
  }

  const offer = (name, values) => make("datalist", { id: `${area.id}_${name}` }, values.map((value) => make("option", { value })));
  box.append(offer("tags", known.tags), offer("records", [...known.records.map((record) => record.value), "browse", "cart_add"]));
  area.addEventListener("change", load);
  load();
}

document.addEventListener("DOMContentLoaded", () => document.querySelectorAll("textarea[data-vocabulary]").forEach(conditionForm));
