// Search that passes over accents, for Sphinx's searchtools.js. The words of the index have none (FoldingSearch makes
// it); what Sphinx compares as it is written, titles and excerpts, is asked for in the spelling that stands there.

const withoutAccents = (text) => text.normalize("NFD").replace(/\p{M}/gu, "");

// How a text, in small letters, spells these words: "pinguino" as "pingüino", as "pinguino", or both.
const spellings = (text, words) => {
  const letters = [...withoutAccents(words.toLowerCase())].map((one) => one.replace(/[.*+?^${}()|[\]\\/]/, "\\$&"));
  const pattern = new RegExp(letters.map((one) => one + "\\p{M}*").join(""), "gu");
  const found = text.toLowerCase().normalize("NFD").match(pattern) || [];
  return [...new Set(found.map((one) => one.normalize()))];
};

// A word that would become a stop word is not stemmed: nobody could find it. What this does must equal FoldingSearch.
var Stemmer = function () {
  const english = new EnglishStemmer();
  this.stemWord = (word) => {
    const bare = withoutAccents(word);
    return [english.stemWord(bare), bare].find((form) => !stopwords.includes(form)) || word;
  };
};

{
  const { query: ask, _performSearch: search, htmlToText } = Search;
  let wanted = []; // the words to start an excerpt at, and the words to mark in it

  Search.query = (query) => ask(query.normalize());

  Search._performSearch = (query, searchTerms, excludedTerms, highlightTerms, objectTerms) => {
    wanted = [searchTerms, highlightTerms];
    const names = [Search._index.alltitles, Search._index.indexentries].flatMap(Object.keys).join("\n");
    const [first = query, ...others] = spellings(names, query.trim());
    const found = search(first, searchTerms, excludedTerms, highlightTerms, objectTerms);
    if (!others.length) return found;
    found.push(...others.flatMap((one) => search(one, searchTerms, excludedTerms, highlightTerms, objectTerms)));
    const best = new Map(); // the last result is the best and shown first
    for (const result of found.sort(_orderResultsByScoreThenName)) {
      const place = [...result.slice(0, 4), result[5]].join();
      best.delete(place);
      best.set(place, result);
    }
    return [...best.values()];
  };

  Search.htmlToText = (html, anchor) => {
    const text = htmlToText(html, anchor).normalize();
    for (const words of wanted) [...words].flatMap((word) => spellings(text, word)).forEach((one) => words.add(one));
    return text;
  };
}
