/* SPDX-License-Identifier: ISC */
/*
 * Nodes of the page: kept, and changed only where their text changes, so that what was selected stays so.
 * Text from outside becomes text of a node and never HTML.
 */

const find = id => document.getElementById(id);

function setText(node, text)
{
	if (node.textContent !== text)
		node.textContent = text;
}

function make(name, className, text)
{
	const node = document.createElement(name);
	if (className)
		node.className = className;
	if (text != null)
		node.textContent = text;
	return node;
}

/* As many children as items: each made once by make(), and shown its item by show(). */
function keep(parent, items, makeNode, show)
{
	while (parent.children.length > items.length)
		parent.lastElementChild.remove();
	items.forEach((item, i) => show(parent.children[i] || parent.appendChild(makeNode()), item));
}

/* `columns`: names; one that begins with "_" is words.  Without rows the table is not shown. */
function table(id, columns, rows)
{
	const node = find(id), cell = (kind, words) => make(kind, words ? 'words' : '');
	node.parentElement.hidden = !rows.length;
	if (!node.tHead) {
		const head = node.createTHead().insertRow();
		for (const name of columns) {
			const th = cell('th', name[0] === '_');
			th.scope = 'col';
			th.textContent = name.replace('_', '');
			head.append(th);
		}
		node.createTBody();
	}
	const makeRow = () => {
		const row = make('tr');
		columns.forEach((name, i) => row.append(cell(i ? 'td' : 'th', name[0] === '_')));
		row.firstElementChild.scope = 'row';
		return row;
	};
	keep(node.tBodies[0], rows, makeRow,
	     (row, texts) => texts.forEach((text, i) => setText(row.children[i], String(text))));
}
