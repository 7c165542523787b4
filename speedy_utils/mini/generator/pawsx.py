"""Paraphrase: do two sentences with nearly the same words say the same?

A frame holds ways of saying one thing, over the bindings x and y (and what else it names). Two ways with the same
bindings are a paraphrase (1); a way, and the same or another way with x and y exchanged, are not (0). So a pair of both
classes may differ in order only, in construction only, or in both: the words alone do not tell.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from speedy_utils.mini.generator.frames import Writer, number
from speedy_utils.mini.generator.words import Item


@dataclass(frozen=True)
class Frame:
    """`kind` of x and y; `ways` to say the same."""

    kind: str
    ways: tuple[str, ...]


FRAMES = (
    Frame(
        "persona",
        (
            "<x> nació en <c> en <n>, tres años antes que <y>.",
            "<x>, que nació en <c> en <n>, era tres años mayor que <y>.",
            "<y> era tres años menor que <x>, que nació en <c> en <n>.",
            "Tres años antes que <y>, en <n>, nació <x> en <c>.",
        ),
    ),
    Frame(
        "persona",
        (
            "<x> derrotó a <y> en la final de <n>, que se jugó en <c>.",
            "En la final de <n>, que se jugó en <c>, <y> perdió contra <x>.",
            "<y> fue derrotad<y:o/a> por <x> en la final de <n>, jugada en <c>.",
            "En <c>, <x> le ganó a <y> la final de <n>.",
        ),
    ),
    Frame(
        "ciudad",
        (
            "El avión sale de <x> a las <k> y llega a <y> antes de medianoche.",
            "El avión que sale de <x> a las <k> llega a <y> antes de medianoche.",
            "El avión llega a <y> antes de medianoche y sale de <x> a las <k>.",
            "Antes de medianoche llega a <y> el avión que a las <k> sale de <x>.",
        ),
    ),
    Frame(
        "ciudad",
        (
            "<p> vivió primero en <x> y después se trasladó a <y>, donde abrió un taller.",
            "Antes de trasladarse a <y>, donde abrió un taller, <p> vivió en <x>.",
            "<p> vivió en <x> y, después, en <y>, donde abrió un taller.",
            "Después de vivir en <x>, <p> se trasladó a <y> y abrió allí un taller.",
        ),
    ),
    Frame(
        "persona",
        (
            "<x> escribió la música y <y> escribió la letra de la canción.",
            "La música de la canción la escribió <x> y la letra la escribió <y>.",
            "La letra de la canción es de <y>; la música, de <x>.",
            "<y> escribió la letra de la canción, y <x>, la música.",
        ),
    ),
    Frame(
        "org",
        (
            "<x> compró <y> en <n> por <k> millones.",
            "La empresa <y> fue comprada por <x> en <n> por <k> millones.",
            "En <n>, <x> pagó <k> millones para comprar <y>.",
            "Por <k> millones, <x> se hizo en <n> con <y>.",
        ),
    ),
    Frame(
        "río",
        (
            "El <x>, afluente del <y>, pasa por <c>.",
            "El <x>, que pasa por <c>, es un afluente del <y>.",
            "El <x> pasa por <c> y desemboca en el <y>.",
            "Al <y> va a dar el <x>, que pasa por <c>.",
        ),
    ),
    Frame(
        "persona",
        (
            "<x> fue <x:alumno/alumna> de <y> en la Universidad de <c>.",
            "En la Universidad de <c>, <x> fue <x:alumno/alumna> de <y>.",
            "<y> dio clase a <x> en la Universidad de <c>.",
            "<x> tuvo como <y:profesor/profesora> a <y> en la Universidad de <c>.",
        ),
    ),
    Frame(
        "club",
        (
            "El <x> venció al <y> por <k> puntos el <d>.",
            "El <d>, el <x> venció al <y> por <k> puntos.",
            "El <y> perdió por <k> puntos contra el <x> el <d>.",
            "El <d>, el <y> fue vencido por el <x> por <k> puntos.",
        ),
    ),
    Frame(
        "persona",
        (
            "<x> es <x:hijo/hija> de <y> y trabaja en <c>.",
            "<x>, que trabaja en <c>, es <x:hijo/hija> de <y>.",
            "<x> trabaja en <c>, y es <x:hijo/hija> de <y>.",
            "<x>, <x:hijo/hija> de <y>, trabaja en <c>.",
        ),
    ),
    Frame(
        "gente",
        (
            "<los x> protestaron antes que <los y> frente al teatro de <c>.",
            "Frente al teatro de <c>, <los y> protestaron después que <los x>.",
            "<los y> protestaron después que <los x> frente al teatro de <c>.",
            "Frente al teatro de <c>, <los x> protestaron antes que <los y>.",
        ),
    ),
    Frame(
        "cosa",
        (
            "<el x> está encima de <el y>, junto a la ventana.",
            "Junto a la ventana, <el y> está debajo de <el x>.",
            "<el y> está debajo de <el x>, junto a la ventana.",
            "Junto a la ventana está <el x>, encima de <el y>.",
        ),
    ),
    Frame(
        "cosa",
        (
            "<p> cambió <un x> por <un y> en el mercado de <c>.",
            "En el mercado de <c>, <p> cambió <un x> por <un y>.",
            "<p> dio <un x> a cambio de <un y> en el mercado de <c>.",
            "<p> consiguió <un y> a cambio de <un x> en el mercado de <c>.",
        ),
    ),
    Frame(
        "sitio",
        (
            "El desfile sale de <el x> y tarda <k> minutos en llegar a <el y>.",
            "El desfile, que sale de <el x>, tarda <k> minutos en llegar a <el y>.",
            "El desfile llega a <el y> <k> minutos después de salir de <el x>.",
            "A los <k> minutos de salir de <el x>, el desfile llega a <el y>.",
        ),
    ),
    Frame(
        "sitio",
        (
            "<el x> de <c> es más antigu<x:o/a> que <el y>, pero tiene menos visitantes.",
            "<el y> de <c> es menos antigu<y:o/a> que <el x>, pero tiene más visitantes.",
            "Aunque es más antigu<x:o/a>, <el x> de <c> tiene menos visitantes que <el y>.",
            "Aunque tiene más visitantes, <el y> de <c> es menos antigu<y:o/a> que <el x>.",
        ),
    ),
    Frame(
        "persona",
        (
            "<x> presentó a <y> al director del museo de <c>.",
            "Al director del museo de <c>, <y> le fue presentad<y:o/a> por <x>.",
            "Fue <x> quien presentó a <y> al director del museo de <c>.",
            "<y> fue presentad<y:o/a> al director del museo de <c> por <x>.",
        ),
    ),
    Frame(
        "persona",
        (
            "<x> sustituyó a <y> como <o> de <g> en <n>.",
            "<y> fue sustituid<y:o/a> por <x> como <o> de <g> en <n>.",
            "En <n>, <x> ocupó el puesto de <y> como <o> de <g>.",
            "<y>, <o> de <g>, dejó en <n> su puesto a <x>.",
        ),
    ),
    Frame(
        "región",
        (
            "Las lluvias fueron más intensas en <x> que en <y> durante <m>.",
            "Durante <m>, en <y> las lluvias fueron menos intensas que en <x>.",
            "En <x>, las lluvias fueron durante <m> más intensas que en <y>.",
            "Durante <m>, las lluvias fueron más intensas en <x> que en <y>.",
        ),
    ),
    Frame(
        "comida",
        (
            "<los x> costaban <k> pesos menos que <los y> en el mercado de <c>.",
            "En el mercado de <c>, <los y> costaban <k> pesos más que <los x>.",
            "<los y> costaban <k> pesos más que <los x> en el mercado de <c>.",
            "En el mercado de <c>, <los x> costaban <k> pesos menos que <los y>.",
        ),
    ),
    Frame(
        "mascota",
        (
            "<el x> persiguió a <el y> hasta el río y luego volvió a la granja.",
            "<el x> volvió a la granja después de perseguir a <el y> hasta el río.",
            "Después de perseguir a <el y> hasta el río, <el x> volvió a la granja.",
            "Hasta el río persiguió <el x> a <el y>, y luego volvió a la granja.",
        ),
    ),
    Frame(
        "obra",
        (
            "La película «<x>» se rodó antes que «<y>», pero se estrenó después.",
            "La película «<x>» se estrenó después que «<y>», pero se rodó antes.",
            "Aunque se rodó antes que «<y>», la película «<x>» se estrenó después.",
            "La película «<y>» se rodó después que «<x>», pero se estrenó antes.",
        ),
    ),
    Frame(
        "obra",
        (
            "<p> publicó «<x>» en <n> y «<y>» dos años más tarde.",
            "Dos años después de publicar en <n> «<x>», <p> publicó «<y>».",
            "En <n>, <p> publicó «<x>» y, dos años más tarde, «<y>».",
            "<p> publicó «<y>» dos años después de publicar «<x>» en <n>.",
        ),
    ),
    Frame(
        "año",
        (
            "En <c>, la fábrica de zapatos se construyó en <x> y la de harina, en <y>.",
            "En <c>, la fábrica de harina se construyó en <y> y la de zapatos, en <x>.",
            "La fábrica de zapatos de <c> data de <x>; la de harina, de <y>.",
            "En <y> se construyó la fábrica de harina de <c>; en <x>, la de zapatos.",
        ),
    ),
    Frame(
        "número",
        (
            "En el coro de <c> cantan <x> mujeres y <y> hombres.",
            "El coro de <c> tiene <x> mujeres y <y> hombres.",
            "Cantan en el coro de <c> <y> hombres y <x> mujeres.",
            "De los miembros del coro de <c>, <x> son mujeres y <y> son hombres.",
        ),
    ),
    Frame(
        "número",
        (
            "El barco zarpó con <x> pasajeros y volvió a <c> con <y>.",
            "El barco volvió a <c> con <y> pasajeros, y había zarpado con <x>.",
            "Con <x> pasajeros zarpó el barco, y con <y> volvió a <c>.",
            "El barco, que zarpó con <x> pasajeros, volvió a <c> con <y>.",
        ),
    ),
    Frame(
        "color",
        (
            "La bandera de <c> tiene el fondo <x> y la estrella de color <y>.",
            "Con el fondo <x> y la estrella de color <y>: así es la bandera de <c>.",
            "La bandera de <c> lleva la estrella de color <y> sobre fondo <x>.",
            "La estrella de la bandera de <c> es de color <y> y el fondo es <x>.",
        ),
    ),
    Frame(
        "día",
        (
            "<el local> de <c> cierra los <x.pl> y abre los <y.pl>.",
            "Los <x.pl> cierra <el local> de <c>, y abre los <y.pl>.",
            "<el local> de <c> abre los <y.pl> y cierra los <x.pl>.",
            "Los <y.pl> abre <el local> de <c>; los <x.pl> cierra.",
        ),
    ),
    Frame(
        "mes",
        (
            "En <c> se siembra en <x> y se cosecha en <y>.",
            "La siembra, en <c>, es en <x>, y la cosecha, en <y>.",
            "En <c>, la cosecha es en <y>, y la siembra, en <x>.",
            "Se cosecha en <y> y se siembra en <x> en <c>.",
        ),
    ),
    Frame(
        "persona",
        (
            "Según <x>, fue <y> quien firmó el acuerdo de <n>.",
            "Fue <y>, según <x>, quien firmó el acuerdo de <n>.",
            "Quien firmó el acuerdo de <n> fue, según <x>, <y>.",
            "Según <x>, el acuerdo de <n> lo firmó <y>.",
        ),
    ),
    Frame(
        "persona",
        (
            "<x> convenció a <y> de que se presentara a la alcaldía de <c>, y así lo hizo.",
            "<y> se presentó a la alcaldía de <c>, convencid<y:o/a> por <x>.",
            "Convencid<y:o/a> por <x>, <y> se presentó a la alcaldía de <c>.",
            "<y>, a quien convenció <x>, se presentó a la alcaldía de <c>.",
        ),
    ),
    Frame(
        "persona",
        (
            "<x> heredó de <y> una casa en <c>.",
            "<y> dejó en herencia a <x> una casa en <c>.",
            "<x> recibió en herencia de <y> una casa en <c>.",
            "De <y> heredó <x> una casa en <c>.",
        ),
    ),
    Frame(
        "país",
        (
            "<p> viajó a <x> en representación de <y> en <n>.",
            "En <n>, en representación de <y>, <p> viajó a <x>.",
            "<p> representó a <y> en el viaje que hizo a <x> en <n>.",
            "En el viaje que hizo a <x> en <n>, <p> representó a <y>.",
        ),
    ),
    Frame(
        "país",
        (
            "<x> exporta a <y> más de lo que le compra.",
            "<y> compra a <x> más de lo que le vende.",
            "<x> le compra a <y> menos de lo que le exporta.",
            "<y> le vende a <x> menos de lo que le compra.",
        ),
    ),
    Frame(
        "lengua",
        (
            "La novela se escribió en <x> y se tradujo a el <y> en <n>.",
            "La novela, escrita en <x>, se tradujo a el <y> en <n>.",
            "En <n> se tradujo a el <y> la novela, que se había escrito en <x>.",
            "Escrita en <x>, la novela se tradujo en <n> a el <y>.",
        ),
    ),
    Frame(
        "persona",
        (
            "<x> vive en la casa que construyó <y> en <n>.",
            "<y> construyó en <n> la casa en la que vive <x>.",
            "La casa en la que vive <x> la construyó <y> en <n>.",
            "En la casa que construyó <y> en <n> vive <x>.",
        ),
    ),
    Frame(
        "persona",
        (
            "El testamento de <x> no menciona a <y>, que vivía en <c>.",
            "A <y>, que vivía en <c>, no <y:lo/la> menciona el testamento de <x>.",
            "No se menciona a <y>, que vivía en <c>, en el testamento de <x>.",
            "En su testamento, <x> no menciona a <y>, que vivía en <c>.",
        ),
    ),
    Frame(
        "cosa",
        (
            "Con lo que costó <el x> se habrían podido comprar <k> <y.pl>.",
            "Se habrían podido comprar <k> <y.pl> con lo que costó <el x>.",
            "<el x> costó lo mismo que <k> <y.pl>.",
            "Lo mismo que <k> <y.pl> costó <el x>.",
        ),
    ),
    Frame(
        "sitio",
        (
            "<p> trabaja por la mañana en <el x> y por la tarde en <el y>.",
            "Por la mañana, <p> trabaja en <el x>, y por la tarde, en <el y>.",
            "Por la tarde, <p> trabaja en <el y>; por la mañana, en <el x>.",
            "<p> trabaja por la tarde en <el y> y por la mañana en <el x>.",
        ),
    ),
    Frame(
        "cualidad",
        (
            "<p> era <x> con sus amigos y <y> con los desconocidos.",
            "Con los desconocidos, <p> era <y>; con sus amigos, <x>.",
            "Con sus amigos <p> era <x>, y con los desconocidos, <y>.",
            "<p>, <y> con los desconocidos, era <x> con sus amigos.",
        ),
    ),
    Frame(
        "persona",
        (
            "La calle lleva el nombre de <x> desde que lo propuso <y> en <n>.",
            "Desde que lo propuso <y> en <n>, la calle lleva el nombre de <x>.",
            "A propuesta de <y>, la calle lleva desde <n> el nombre de <x>.",
            "Desde <n>, a propuesta de <y>, la calle se llama como <x>.",
        ),
    ),
    Frame(
        "persona",
        (
            "Cuando murió <x>, <y> vivía todavía en <c>.",
            "<y> vivía todavía en <c> cuando murió <x>.",
            "<x> murió cuando <y> vivía todavía en <c>.",
            "En <c> vivía todavía <y> cuando murió <x>.",
        ),
    ),
    Frame(
        "org",
        (
            "<x> pertenece desde <n> a <y>, entidad con sede en <c>.",
            "Desde <n>, <x> es propiedad de <y>, entidad con sede en <c>.",
            "<y>, con sede en <c>, es desde <n> la propietaria de <x>.",
            "<x> es desde <n> propiedad de <y>, que tiene su sede en <c>.",
        ),
    ),
    Frame(
        "ciudad",
        (
            "Hay más bibliotecas en <x> que en <y>, según <p>.",
            "Según <p>, en <y> hay menos bibliotecas que en <x>.",
            "En <x> hay, según <p>, más bibliotecas que en <y>.",
            "Según <p>, hay más bibliotecas en <x> que en <y>.",
        ),
    ),
    Frame(
        "ciudad",
        (
            "<p> nació en <x>, pero murió en <y> a los <k> años.",
            "<p> murió en <y> a los <k> años, pero había nacido en <x>.",
            "Nacid<p:o/a> en <x>, <p> murió en <y> a los <k> años.",
            "A los <k> años murió en <y> <p>, que había nacido en <x>.",
        ),
    ),
)
LANGUAGES = (
    "español",
    "quechua",
    "guaraní",
    "catalán",
    "gallego",
    "aimara",
    "náhuatl",
    "francés",
    "portugués",
    "mapudungun",
)
PAIRS_OF_TRAITS = (
    "amable",
    "prudente",
    "puntual",
    "alegre",
    "valiente",
    "leal",
    "paciente",
    "cordial",
    "cortés",
    "arrogante",
)


def _things(writer: Writer, kind: str) -> list[Item]:
    """x and y of a kind, different and, where the frame needs it, of different gender or size."""
    random = writer.random
    if kind == "año":
        first = random.randint(1850, 1960)
        return [number(first), number(first + random.randint(3, 60))]
    if kind == "número":
        return [number(value) for value in random.sample(range(11, 90), 2)]
    if kind == "color":
        return [
            Item(word) for word in random.sample(["rojo", "verde", "azul", "amarillo", "blanco", "negro", "gris"], 2)
        ]
    if kind == "lengua":
        return [Item(word) for word in random.sample(LANGUAGES, 2)]
    if kind == "cualidad":
        return [Item(word) for word in random.sample(PAIRS_OF_TRAITS, 2)]
    if kind == "gente":
        return writer.sample("oficio", 2)
    things = writer.sample(kind, 2)
    writer.used |= {thing.text for thing in things}
    return things


def bind(writer: Writer, frame: Frame) -> None:
    """x, y and what else a frame may name."""
    writer.reset()
    writer.bound["x"], writer.bound["y"] = _things(writer, frame.kind)
    random = writer.random
    for name, source in (
        ("p", "persona"),
        ("c", "ciudad"),
        ("d", "día"),
        ("m", "mes"),
        ("g", "org"),
        ("local", "local"),
    ):
        writer.bound[name] = writer.item(source)
    writer.bound["n"] = number(random.randint(1870, 2020))
    low, high = (7, 11) if "a las <k>" in frame.ways[0] else (2, 25) if "por <k> puntos" in frame.ways[0] else (31, 98)
    writer.bound["k"] = number(random.randint(low, high))
    writer.bound["o"] = Item(random.choice(["presidente", "gerente", "portavoz", "representante"]))


Pair = tuple[str, str]
Fillers = tuple[Item, Item]


def pair(writer: Writer, label: int) -> tuple[Pair, tuple[Fillers, Fillers]]:
    """Two sentences, the same said in two ways (1) or with x and y exchanged (0); what stands for x and y in each."""
    frame = writer.pick(FRAMES, own=0.1)
    bind(writer, frame)
    ways = list(frame.ways)
    first = writer.random.choice(ways)
    one = writer.text(first)
    x, y = writer.bound["x"], writer.bound["y"]
    if label:
        return (one, writer.text(writer.random.choice([way for way in ways if way != first]))), ((x, y), (x, y))
    writer.bound |= {"x": y, "y": x}
    other = first if writer.chance(0.5) else writer.random.choice(ways)
    return (one, writer.text(other)), ((x, y), (y, x))


def examples(split: str, size: int, seen: set[str]) -> Iterator[tuple[Pair, int, tuple[Fillers, Fillers]]]:
    """Pairs with their labels and what stands for x and y; 44 % are paraphrases, as in the data this imitates."""
    writer = Writer("pawsx", split)
    labels = [int(i < round(0.44 * size)) for i in range(size)]
    writer.random.shuffle(labels)
    for label in labels:
        sentences, fillers = pair(writer, label)
        while "\t".join(sentences) in seen:
            sentences, fillers = pair(writer, label)
        seen.add("\t".join(sentences))
        yield sentences, label, fillers


def generate(split: str, size: int, seen: set[str]) -> str:
    """The file of a split, with header."""
    lines = ["id\tsentence1\tsentence2\tlabel\n"]
    for place, ((one, two), label, _) in enumerate(examples(split, size, seen), 1):
        lines.append(f"{place}\t{one}\t{two}\t{label}\n")
    return "".join(lines)
