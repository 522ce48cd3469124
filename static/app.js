// Improves pages that already work without it. No page needs this file.
// It sets no inline style but the place of a context menu (through the CSSOM, which the policy allows).
const $ = (s, r = document) => r.querySelector(s), $$ = (s, r = document) => [...r.querySelectorAll(s)]
const on = (type, selector, run, opts) =>
  document.addEventListener(type, e => { const t = e.target.closest?.(selector); if (t) run(t, e) }, opts)
const say = text => { const live = $('#live'); if (live) live.textContent = text }

document.documentElement.classList.add('js')

// Copy: <button data-copy="#id"> copies that element's value or text and says so.
on('click', '[data-copy]', async (button) => {
  const from = $(button.dataset.copy), label = $('span', button) ?? button
  try { await navigator.clipboard.writeText(from.value ?? from.textContent) }
  catch { from.select?.(); say('Press Ctrl or Command and C to copy'); return }
  button.dataset.was ??= label.textContent
  label.textContent = 'Copied'; say('Copied')
  clearTimeout(button.timer); button.timer = setTimeout(() => { label.textContent = button.dataset.was }, 1600)
})
on('focusin', '[data-select]', input => input.select())

// A project's menu also opens on right click, at the pointer, and by the keyboard's menu key; the ⋯ button needs no script.
on('contextmenu', '[data-menu]', (row, e) => {
  const menu = $('[popover]', row)
  if (!menu?.showPopover) return
  e.preventDefault(); menu.showPopover({ source: $('[popovertarget]', row) })
  // Firefox and Chromium report the keyboard's menu key as button 0 or -1: then the menu stays at its row.
  if (e.button === 2 && e.clientX) {
    const left = Math.min(e.clientX, innerWidth - menu.offsetWidth - 8), top = Math.min(e.clientY, innerHeight - menu.offsetHeight - 8)
    Object.assign(menu.style, { positionArea: 'none', left: Math.max(8, left) + 'px', top: Math.max(8, top) + 'px' })
  }
  $('a', menu)?.focus()
})
document.addEventListener('toggle', e => { if (e.newState === 'closed' && e.target.matches?.('.menu')) e.target.removeAttribute('style') }, true)
on('keydown', '.menu', (menu, e) => {
  const items = $$('a, button', menu), at = items.indexOf(document.activeElement)
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[e.key]
  if (to === undefined) return
  e.preventDefault(); items[(to + items.length) % items.length].focus()
})

// Tick all, and the number in the selection bar.
const count = form => {
  const rows = $$('tbody [type=checkbox]', form), n = rows.filter(b => b.checked).length, all = $('[data-all]', form)
  if (all) { all.checked = n > 0 && n === rows.length; all.indeterminate = n > 0 && n < rows.length }
  $$('[data-count]', form).forEach(o => { o.textContent = `${n} selected` })
}
on('change', '[data-all]', all => { $$('tbody [type=checkbox]', all.form).forEach(b => { b.checked = all.checked }); count(all.form) })
on('change', 'tbody [type=checkbox]', box => count(box.form))
on('click', '[data-none]', (b, e) => { e.preventDefault(); $$('tbody :checked', b.form).forEach(x => { x.checked = false }); count(b.form) })
on('change', '[data-group]', box => $$('[type=checkbox]', box.closest('.group')).forEach(b => { b.checked = box.checked }))
const whole = group => {
  const all = $('[data-group]', group), boxes = $$('li > [type=checkbox], .pick > [type=checkbox]', group), n = boxes.filter(b => b.checked).length
  if (all) { all.checked = n > 0 && n === boxes.length; all.indeterminate = n > 0 && n < boxes.length }
}
on('change', '.group [type=checkbox]', box => whole(box.closest('.group')))
$$('.group:has([data-group])').forEach(whole)

// What was typed into this form is not lost without a question when another button or link is used.
$$('form[data-guard]').forEach(form => {
  const state = () => new URLSearchParams([...new FormData(form)].map(([k, v]) => [k, String(v)])).toString()
  const fresh = state(); let leaving = false
  form.addEventListener('submit', () => { leaving = true })
  addEventListener('beforeunload', e => { if (!leaving && state() !== fresh) e.preventDefault() })
})
on('change', '.filters select, form[data-auto] select', select => select.form.requestSubmit())
$$('form:has([data-all])').forEach(count)

// Show and hide a password.
on('click', '[data-peek]', b => {
  const field = $(b.dataset.peek), show = field.type === 'password'
  field.type = show ? 'text' : 'password'; b.setAttribute('aria-pressed', show); b.textContent = show ? 'Hide' : 'Show'
})

// A form that must not be sent twice: the button is out of reach once it was pressed. The server refuses the second one anyway.
on('submit', 'form[data-once]', form => {
  // After this turn: a disabled button's own name and value would not be sent.
  setTimeout(() => $$('button[type=submit], button:not([type])', form).forEach(b => {
    b.disabled = true
    if (b.dataset.busy) { const label = $('span', b); b.dataset.idle = label.textContent; label.textContent = b.dataset.busy; say(b.dataset.busy) }
  }))
})
// Back or forward may show this page again from memory: buttons work again, and a secret that was shown once is gone.
addEventListener('pageshow', e => { if (e.persisted) $$('form[data-once] button').forEach(b => { b.disabled = false; if (b.dataset.idle) $('span', b).textContent = b.dataset.idle }) })
addEventListener('pagehide', () => $$('[data-secret]').forEach(s => { if ('value' in s) s.value = ''; else s.textContent = '' }))

// Theme: the server writes data-theme from a cookie; this saves the round trip.
on('submit', 'form[data-theme-form]', (form, e) => {
  e.preventDefault()
  const root = document.documentElement, dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches
  root.dataset.theme = dark ? 'light' : 'dark'
  say(`Theme: ${root.dataset.theme}`)
  fetch(form.action, { method: 'POST', body: new URLSearchParams({ theme: root.dataset.theme }), redirect: 'manual', keepalive: true })
})

// Times: relative words stay true; a countdown shows seconds.
const words = s => s < 45 ? 'just now' : s < 2700 ? `${Math.round(s / 60) || 1} min ago` : s < 79200 ? `${Math.round(s / 3600)} h ago` : null
const tick = () => {
  const now = Date.now()
  $$('time[data-live]').forEach(t => { const w = words((now - Date.parse(t.dateTime)) / 1000); if (w) t.textContent = w })
  $$('time[data-until]').forEach(t => { const s = Math.ceil((Date.parse(t.dateTime) - now) / 1000); t.textContent = s <= 0 ? 'now' : s < 100 ? `in ${s} s` : s < 5400 ? `in ${Math.round(s / 60)} min` : t.textContent })
}
if ($('[data-live], [data-until], #fresh')) { tick(); setInterval(tick, 1000) }

// A history that is open is kept true by server-sent events, while its tab can be seen: rows change in place, newer ones wait
// behind a button. Whoever is refused comes back later and later.
const fresh = $('#fresh')
if (fresh) {
  let source, last = '', pause = 2000, timer
  const swap = ({ id, html }) => {
    const old = document.getElementById(id)
    if (!old) return
    const box = document.createElement('template')
    box.innerHTML = html
    const row = box.content.firstElementChild, focused = old.contains(document.activeElement) && document.activeElement
    const tick = $('[type=checkbox]', old), now = $('[type=checkbox]', row)
    if (tick && now) now.checked = tick.checked
    old.replaceWith(row)
    if (focused) $(focused.matches('a') ? 'a.open' : '[type=checkbox]', row)?.focus({ preventScroll: true })
    if (row.closest('form')) count(row.closest('form'))
  }
  const open = () => {
    clearTimeout(timer)
    if (document.hidden || source) return
    const url = new URL(fresh.dataset.stream, location.href)
    if (last) url.searchParams.set('since', last)
    source = new EventSource(url)
    source.addEventListener('open', () => { pause = 2000 })
    source.addEventListener('news', e => {
      last = e.lastEventId
      const news = JSON.parse(e.data)
      news.rows.forEach(swap)
      if (news.fresh === undefined) return
      if (fresh.hidden && news.fresh) say(news.fresh)
      fresh.hidden = !news.fresh; $('span', fresh).textContent = news.fresh
    })
    source.addEventListener('error', () => {
      if (source?.readyState !== EventSource.CLOSED) return
      source = null; timer = setTimeout(open, pause * (1 + Math.random())); pause = Math.min(pause * 2, 60000)
    })
  }
  const close = () => { clearTimeout(timer); source?.close(); source = null }
  document.addEventListener('visibilitychange', () => document.hidden ? close() : open())
  addEventListener('pagehide', close); addEventListener('pageshow', open)
}

// Outside of fields: j and k move over the rows of a list, n goes to the field for a new one.
document.addEventListener('keydown', e => {
  if (e.ctrlKey || e.metaKey || e.altKey || !'jkn'.includes(e.key) || e.target.matches('input, select, textarea')) return
  if (e.key === 'n') { const field = $('[aria-keyshortcuts=n]'); if (field) { e.preventDefault(); field.focus() } return }
  const rows = $$('a.open, .task-name a'); if (!rows.length) return
  const at = rows.indexOf(document.activeElement)
  rows[Math.max(0, Math.min(rows.length - 1, at + (e.key === 'j' ? 1 : -1)))].focus()
})
// Ctrl or Command with Enter presses the button that says so, from anywhere but another form.
document.addEventListener('keydown', e => {
  const save = e.key === 'Enter' && (e.ctrlKey || e.metaKey) && $('[aria-keyshortcuts~="Control+Enter"]')
  if (save && (e.target.form ?? save.form) === save.form) { e.preventDefault(); save.form.requestSubmit(save) }
})

// The first field of a page that is there to be typed into; on a touch screen the keyboard would hide half of it.
if (!location.hash && !matchMedia('(pointer: coarse)').matches) ($('[aria-invalid=true]') ?? $('[data-focus]'))?.focus()
// An address says only which filters are set.
document.addEventListener('formdata', e => { if (e.target.matches('.filters')) [...e.formData].forEach(([k, v]) => v || e.formData.delete(k)) })

// A tick leaves the page where it was; without this the browser goes to the row, wherever it is now.
on('submit', 'form[data-stay]', () => sessionStorage.setItem('stay', scrollY))
const stay = sessionStorage.getItem('stay')
if (stay !== null) {
  sessionStorage.removeItem('stay')
  const back = () => scrollTo(0, stay)
  back(); addEventListener('load', back, { once: true })
}
