"""Parts of speech: sentences whose every word carries its tag, in CoNLL-U with the conventions of UD Spanish (AnCora).

In a frame a word is written `word/T`; the words of `_DEFAULTS` need no tag where they are what they mostly are.
`dárselo/V~dar~se~lo` is a verb with its pronouns: one word of the text, three of the syntax.
"""

from __future__ import annotations

import re

from speedy_utils.mini.generator.distinct import DistinctWriter
from speedy_utils.mini.generator.frames import Writer

TAGS = {
    "N": "NOUN",
    "V": "VERB",
    "A": "ADJ",
    "R": "ADV",
    "X": "AUX",
    "D": "DET",
    "P": "PRON",
    "S": "ADP",
    "C": "CCONJ",
    "K": "SCONJ",
    "M": "NUM",
    "Q": "PROPN",
    "I": "INTJ",
    "F": "PUNCT",
    "Y": "SYM",
}
_DEFAULTS = {
    word: tag
    for tag, words in {
        "D": "el la las los un una unos unas mi su sus mis este esta ese esa aquella cada nuestro nuestra cualquier",
        "S": "de a en con por sin desde hasta hacia contra tras durante",
        "P": "se me te le les nos yo ella ellas nadie nada algo alguien quien lo ello conmigo ti mí",
        "C": "y o ni pero sino",
        "K": "porque aunque",
        "R": "no ya también muy nunca siempre ayer hoy aquí allí tampoco casi además así jamás apenas aún más menos",
        "F": ". , ; : ¿ ? ¡ ! — « » ( ) ...",
    }.items()
    for word in words.split()
}

FRAMES = (
    # que, como, si/sí, se
    "<p=ella> dice/V que/K el <oficiom> que/P [vive/V|trabaja/V|duerme/V] aquí no la/P conoce/V .",
    "<el x=cosa> que/P [compré/V|perdí/V|vendí/V] en <ciudad> era/X <A@x> .",
    "creo/V que/K <nombre> sabe/V que/K la fruta/N está/X cara/A .",
    "como/V <comida.pl> cada día/N , como/K hacía/V mi abuela/N .",
    "como/K no llegabas/V , empezamos/V a cenar/V sin ti .",
    "trabaja/V como/S <oficiom> en <un local> de <ciudad> .",
    "¿ cómo/R como/V yo tanta/D fruta/N sin engordar/V ?",
    "si/K [llueve/V|nieva/V] , no iremos/V a la playa/N .",
    "no sé/V si/K <nombre> dijo/V que/K sí/R o que/K no .",
    "<p=nombre> solo/R piensa/V en sí/P mism<p:o/a>/A .",
    "se lo dije/V a <nombre> para/S que/K lo supieran/V todos/P .",
    "se vende/V <un x=local> con jardín/N y vistas/N a el mar/N .",
    "mira/V <el x=cosa> : ¡ qué/R <A@x> es/X !",
    "¿ qué/D camisa/N prefieres/V , esta/P o aquella/P ?",
    "que/K nadie lo diga/V no significa/V que/K sea/X mentira/N .",
    "más que/K dinero/N , necesita/V tiempo/N .",
    "<p=nombre> es/X más alt<p:o/a>/A que/K <nombre> , pero menos <T@p> .",
    "corre/V tanto/R como/K yo , aunque no lo parezca/V .",
    "<el x=cosa> más <A@x> es/X también lo que/P más me gusta/V .",
    "ya que/K estás/X aquí , ayúdame/V~ayuda~me con <el cosa> .",
    # la, lo, el como artículo y pronombre; nota musical
    "la/P vi/V en la plaza/N y la/P saludé/V con la mano/N .",
    "<el x=mascota> de <nombre> no [aparece/V|come/V] : l<x:o/a>/P buscan/V desde ayer .",
    "las/P compró/V en el mercado/N , y las/P regaló/V a las vecinas/N .",
    "quienes/P llegaron/V tarde/R no encontraron/V sitio/N .",
    "afinó/V la guitarra/N en la/N mayor/A y la/P guardó/V .",
    "lo que/P dijo/V <nombre> no lo entendió/V nadie .",
    "la <oficiof> la/P leyó/V dos/M veces/N y la/P rompió/V .",
    "dime/V~di~me [dónde/R|cuándo/R|cómo/R] encontraste/V <el cosa> de <nombre> .",
    "quiso/V dárselo/V~dar~se~lo a <nombre> , pero no supo/V [cómo/R|cuándo/R] .",
    "tráemela/V~trae~me~la antes/R de las/D ocho/M , por favor/N .",
    "levántate/V~levanta~te , que/K <el oficio> ya ha/X [llegado/V|salido/V] .",
    "no pudo/X verla/V~ver~la porque se había/X marchado/V .",
    "diciéndolo/V~diciendo~lo así , [parece/V|suena/V] fácil/A .",
    "vámonos/V~vamos~nos de aquí : [huele/V|suena/V] mal/R .",
    # bajo, sobre, entre, para, vino, río, nada, cuenta, traje, era, fue...
    "bajo/S la mesa/N hay/V <un x=cosa> <A@x> .",
    "<él> es/X bajo/A y toca/V el bajo/N en <un local> de <ciudad> .",
    "bajo/V a la calle/N y busco/V <el cosa> bajo/S el puente/N .",
    "hablaba/V bajo/R para/S no despertar/V a <p=nombre> .",
    "dejó/V el sobre/N sobre/S la mesa/N de <nombre> .",
    "entre/V , por favor/N : <el cosa> está/X entre/S la puerta/N y <el y=cosa> .",
    "el tren/N no para/V aquí ; para/S ir/V a <ciudad> hay/V otro/P .",
    "<nombre> vino/V con vino/N y se sentó/V sobre/S la hierba/N .",
    "me río/V cuando/K cruzo/V el río/N con <nombre> .",
    "<nombre> nada/V todos/D los días/N y nada le cansa/V .",
    "cuenta/V <nombre> que/K pagó/V la cuenta/N y se fue/V .",
    "traje/V el traje/N de <nombre> a la tintorería/N .",
    "aquella era/N de trigo/N era/X de nuestro <oficiom> .",
    "<p=ella> fue/X <oficiof> antes/R de irse/V~ir~se a <ciudad> .",
    "<nombre> fue/V a <ciudad> en <mes> y no volvió/V .",
    "la casa/N fue/X construida/V por <un oficio> de <ciudad> .",
    "la llama/N blanca/A llama/V la atención/N de los turistas/N .",
    "<el p=oficio> llama/V a <nombre> a media/A tarde/N .",
    "mañana/R por la mañana/N saldremos/V hacia <ciudad> .",
    "llegó/V tarde/R , a las/D siete/M de la tarde/N .",
    "obra/V bien/R y no hagas/V mal/N a nadie .",
    "el cura/N cura/V la herida/N de <el mascota> .",
    "la sal/N está/X aquí : sal/V a buscar/V <el comida> .",
    "toma/V <el cosa> y cierra/V la llave/N .",
    "el partido/N quedó/V partido/A en dos/M .",
    "de hecho/N , <nombre> ha/X hecho/V <k=2..30> viajes/N .",
    "el joven/A <oficiom> y la joven/A <oficiof> se casan/V .",
    "un joven/N con <un x=cosa> <A@x> preguntó/V por <nombre> .",
    "el segundo/A día/N esperó/V un segundo/N y se marchó/V .",
    "es/X medio/R tonto/A y gasta/V medio/A sueldo/N en <comida.pl> .",
    "poco/R a poco/R , <el oficio> ganó/V mucho/D dinero/N .",
    "come/V mucho/R y duerme/V poco/R , según/S <el oficio> .",
    "según/K cuentan/V , <nombre> vivió/V en <ciudad> durante <k=4..60> años/N .",
    "<nombre> entró/V por la puerta/N de <el local> mientras/K yo salía/V .",
    "no es/X <un x=mascota> , sino <un mascota> .",
    "si/K no vienes/V , avisa/V ; no vengo/V a esperar/V , sino a cenar/V .",
    # auxiliares
    "<el x=local> ha/X sido/X [cerrad|pintad|vendid]<x:o/a>/V por <nombre> .",
    "<nombre> [puede/X|debe/X] [venir/V|salir/V|callar/V] , pero no quiere/V .",
    "<nombre> tiene/X que/K [pintar/V|vender/V|limpiar/V] <el cosa> .",
    "van/X a cerrar/V <el x=local> que/P más [visitan/V|quieren/V] los vecinos/N .",
    "<los x=oficio> están/X [cansad|agotad|aburrid]<x:os/as>/A , porque llevan/V <k=3..40> horas/N aquí .",
    "está/X [lloviendo/V|nevando/V] otra/D vez/N en <ciudad> .",
    "había/V <k=3..99> personas/N en <el sitio> y ninguna/P [habló/V|protestó/V] .",
    "habían/X [llegado/V|salido/V] ya cuando/K [llamó/V|entró/V] <nombre> .",
    "<el x=cosa> estaba/X [escondid|guardad|olvidad]<x:o/a>/A en <el sitio> .",
    "hace/V <k=2..60> años/N que/K <persona> no pisa/V <ciudad> .",
    "no hay/V <comida.pl> , pero quedan/V <comida.pl> .",
    "suele/X llover/V en <mes> , aunque este año/N no ha/X caído/V ni una gota/N .",
    "<ella> <apellido> sigue/X siendo/X <oficiof> en <ciudad> .",
    "¿ ha/X visto/V alguien mi <cosa> ?",
    "ser/X <oficiom> no es/X fácil/A ; parecerlo/V~parecer~lo , sí/R .",
    # relativos, interrogativos, cuantificadores
    "<el oficio> cuyo/D padre/N murió/V en <mes> vende/V <el local> .",
    "la ciudad/N donde/R nació/V <persona> tiene/V <k=2..90> <sitio.pl> .",
    "¿ cuántas/D personas/N caben/V en <el sitio> ?",
    "¿ quién/P ha/X roto/V <el cosa> de <nombre> ?",
    "¿ dónde/R está/X <el x=cosa> que/P te [presté/V|regalé/V] ?",
    "nadie sabe/V cuándo/R volverá/V <el oficio> .",
    "todos/D los <oficiom.pl> protestaron/V .",
    "todo/P le molesta/V : el ruido/N , <el mascota> , la gente/N .",
    "algunos/P [ríen/V|bailan/V] y otros/P [lloran/V|duermen/V] .",
    "<otro x=cosa> como/K est<x:e/a>/P no [existe/V|se vende/V] en <país> .",
    "ambos/D <oficiom.pl> son/X de <ciudad> , pero ninguno/P lo dice/V .",
    "varios/D <oficiom.pl> y muchas/D <oficiof.pl> firmaron/V la carta/N .",
    "uno/P de los perros/N era/X de <nombre> .",
    "una/P de las <oficiof.pl> nació/V en <ciudad> y otra/P en <ciudad> .",
    "compró/V <k=2..90> <x=comida.pl> y <k=2..90> <cosa.pl> por <k=100..9000> pesos/N .",
    "el precio/N de <el comida> subió/V un <k=2..60> %/Y en <país> .",
    "dos/M de cada tres/M <oficiom.pl> viven/V en <ciudad> .",
    "a las/D doce/M llegaron/V los <k=3..40> <oficiom.pl> y las <k=3..40> <oficiof.pl> .",
    # nombres propios, fechas, preposiciones
    "<persona> nació/V en <ciudad> el <k=2..28> de <mes> de <y=1900..2005> .",
    "<el x=local> de <ciudad> abre/V los <día.pl> desde las/D nueve/M .",
    "<org> abrirá/V <un sitio> en <ciudad> antes/R de <mes> .",
    "viajó/V desde <ciudad> hasta <ciudad> con <un x=mascota> y sin dinero/N .",
    "<persona> y <persona> escribieron/V a cuatro/M manos/N una novela/N sobre/S <ciudad> .",
    "el río/N <río> baja/V crecido/A y nadie lo cruza/V .",
    "contra/S todo/D pronóstico/N , el <club> ganó/V a el <club> .",
    "tras/S la tormenta/N , los campos/N parecían/V otros/P .",
    "el <día> cenamos/V en casa/N de <nombre> .",
    # oraciones y vocabulario
    "<el x=natura> , [oscur|solitari|hermos]<x:o/a>/A y silencios<x:o/a>/A , [asustaba/V|atraía/V] a <los oficio> .",
    "¡ ay/I , <nombre> , qué/D susto/N me has/X dado/V !",
    "— ¿ quieres/V <comida.pl> ? — sí/I , gracias/N .",
    "¡ hola/I ! ¿ está/X <nombre> en casa/N ?",
    "<un p=oficio> <T@p> vale/V más que/K diez/M jefes/N .",
    "ni <nombre> ni <nombre> encontraron/V <el x=cosa> <A@x> .",
    "<un x=mascota> [blanc|negr]<x:o/a>/A cruzó/V lentamente/R la carretera/N .",
    "<este x=asunto> no tiene/V arreglo/N , pero preocupa/V a <los y=oficio> .",
    "me dio/V <un x=cosa> y <otro y=cosa> para/S <nombre> .",
    "<nombre> , que/P nunca [miente/V|duda/V] , [calló/V|sonrió/V] .",
    "aunque <el p=oficio> estaba/X muy <M@p> , [cantó/V|bailó/V] hasta las/D tres/M .",
    "cuando/K [llegue/V|vuelva/V] <nombre> , dile/V~di~le que/K espere/V .",
    "el agua/N de [el río/N|el lago/N|la laguna/N|la cascada/N|el glaciar/N] está/X fría/A y limpia/A .",
    "quizá/R <nombre> venda/V <el x=cosa> <A@x> a <un oficio> .",
    "¡ ojalá/I no llueva/V el <día> !",
    "<el x=cosa> <A@x> de <el p=oficio> costó/V <k=100..9000> pesos/N .",
    "<los x=animal> <As@x> [comen/V|duermen/V] detrás/R de <el sitio> .",
    "cerca/R de <el sitio> vive/V <un p=oficio> muy <T@p> .",
    "o vienes/V ahora/R o [ceno/V|salgo/V] sola/A .",
    "para/S <nombre> , <el asunto> de <nombre> es/X más [grave/A|interesante/A] que/K nunca .",
    "leyendo/V una novela/N se quedó/V dormida/A la <oficiof> .",
    "antes/R de [salir/V|entrar/V] , <nombre> saludó/V a <el oficio> .",
    "el alto/A <oficiom> dio/V el alto/N y habló/V alto/R .",
    "la marcha/N empezó/V tarde/R y <nombre> se marcha/V mañana/R .",
    "la vela/N alumbra/V mientras/K <nombre> vela/V a <el mascota> .",
    "<nombre> casa/V a su hija/N en la casa/N de <ciudad> .",
    "el ama/N de la casa/N ama/V la lluvia/N .",
    "yo abrigo/V la esperanza/N de encontrar/V mi abrigo/N gris/A .",
    "la sopa/N que/P prepara/V <nombre> tiene/V buena/A pinta/N .",
    "la cola/N de <el sitio> llegaba/V hasta <el sitio> .",
)
TAILS = (
    ", dijo/V <persona>",
    ", [recordó/V|insistió/V|repitió/V] <nombre>",
    ", [escribió/V|gritó/V|murmuró/V] <el oficio>",
    ", me explicó/V <nombre> <el día>",
    ", [contestó/V|respondió/V] <ella> sin mirarnos/V~mirar~nos",
    ", pensaba/V <el oficio> de <ciudad>",
)


def words(tagged: str) -> list[tuple[str, str, list[str]]]:
    """A filled frame -> (form, tag, parts) of each word of the text; `parts` is not empty for a multiword token."""
    found: list[tuple[str, str, list[str]]] = []
    for piece in tagged.split():
        form, slash, tag = piece.rpartition("/")
        if not slash:
            form, tag = piece, _DEFAULTS[piece.lower()]
        tag, *parts = tag.split("~")
        found.append((form, tag, parts))
    merged: list[tuple[str, str, list[str]]] = []
    for place, (form, tag, parts) in enumerate(found):
        if form == "el" and tag == "D" and merged and merged[-1][0].lower() in ("de", "a") and merged[-1][1] == "S":
            first = merged.pop()[0]
            merged.append((first[:-1] + "el" if first.lower() == "de" else first + "l", "S", [first, "el"]))
            continue
        after = found[place + 1][0].lower() if place + 1 < len(found) else ""
        if form == "y" and re.match("h?[ií](?![aeou])", after):
            form = "e"
        if form == "o" and re.match("h?[oó]", after):
            form = "u"
        merged.append((form, tag, parts))
    return merged


def _spaced(rows: list[tuple[str, str, list[str]]]) -> list[bool]:
    """For each word whether a space follows it in the text."""
    spaces = []
    for place, (form, _, _) in enumerate(rows):
        after = rows[place + 1][0] if place + 1 < len(rows) else ""
        spaces.append(bool(after) and after not in ".,;:?!)»..." and form not in "¿¡(«—")
    return spaces


def block(rows: list[tuple[str, str, list[str]]], name: str) -> str:
    """One sentence in CoNLL-U: identifiers, forms and parts of speech; the other columns are left empty."""
    first = next(i for i, row in enumerate(rows) if row[0][0].isalnum())
    for i, (form, tag, parts) in enumerate(rows):
        if i == first or (rows[i - 1][0] in "—¿¡«" and i > 1 and (i == 2 or rows[i - 2][0] in "?!.")):
            parts = [parts[0][0].upper() + parts[0][1:], *parts[1:]] if parts else []
            rows[i] = (form[0].upper() + form[1:], tag, parts)
    spaces = _spaced(rows)
    text = "".join(form + " " * space for (form, _, _), space in zip(rows, spaces, strict=True))
    lines = [f"# sent_id = {name}", f"# text = {text}"]
    number = 1
    for place, ((form, tag, parts), space) in enumerate(zip(rows, spaces, strict=True)):
        misc = "_" if space or place == len(rows) - 1 else "SpaceAfter=No"
        if parts:
            tags = [TAGS[tag]] + ["DET" if tag == "S" else "PRON"] * (len(parts) - 1)
            lines.append(f"{number}-{number + len(parts) - 1}\t{form}" + "\t_" * 7 + f"\t{misc}")
            for part, upos in zip(parts, tags, strict=True):
                lines.append(f"{number}\t{part}\t_\t{upos}" + "\t_" * 6)
                number += 1
        else:
            lines.append(f"{number}\t{form}\t_\t{TAGS[tag]}" + "\t_" * 5 + f"\t{misc}")
            number += 1
    return "\n".join(lines) + "\n\n"


def sentence(writer: Writer) -> str:
    """One filled frame, sometimes with a tail before its full stop."""
    writer.reset()
    frame = str(writer.pick(FRAMES, own=0.15))
    if frame.endswith(" .") and not frame.startswith("—") and writer.chance(0.4):
        frame = frame.removesuffix(".") + str(writer.pick(TAILS)) + " ."
    return writer.fill(frame)


def generate(split: str, size: int, seen: set[str]) -> str:
    """The file of a split. `seen` keeps the sentences of all splits."""
    writer = DistinctWriter("pos", split, tagged=True)
    blocks: list[str] = []
    while len(blocks) < size:
        tagged = sentence(writer)
        if tagged not in seen:
            seen.add(tagged)
            blocks.append(block(words(tagged), f"es-mini-{split}-{len(blocks) + 1:04d}"))
    return "".join(blocks)
