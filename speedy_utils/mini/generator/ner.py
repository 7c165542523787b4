"""Named entities: sentences with {P person}, {O organisation}, {L place} and {M other} marked in the frames."""

from __future__ import annotations

import re

from speedy_utils.mini.generator.distinct import DistinctWriter
from speedy_utils.mini.generator.frames import Writer, tidy

TYPES = {"P": "PER", "O": "ORG", "L": "LOC", "M": "MISC"}
_TOKEN = re.compile(r"\{[POLM] |\}|\d+(?:[.,:]\d+)+|\w+(?:'\w+)?|\.\.\.|[^\w\s]")

# The same words in different roles: only the context tells which one it is.
AMBIGUOUS = (
    "{P <lugarnombre>} llamó por teléfono [anoche|de madrugada|antes de cenar] y no dejó recado.",
    "[Llovió|Nevó|Granizó] toda la noche en {L <lugarnombre>}.",
    "El {O <lugarapellido>} [perdió por dos goles|empató sin goles|ganó en la prórroga|cambió de entrenador].",
    "Vive en {L <lugarnombre>} desde [1998|el año pasado|que se jubiló].",
    "Vive con {P <lugarnombre>} desde [1998|el año pasado|que se jubiló].",
    "Se casó con {P <lugarnombre>} en {L <lugarnombre>} un [lunes|martes] de <mes>.",
    "Le escribió a {P <lugarnombre>} una carta [larguísima|de once páginas|sin firma].",
    "El autobús de {L <lugarnombre>} sale a las siete [en punto|y cuarto|y media].",
    "El abrigo de {P <lugarnombre>} [cuelga|sigue colgado] detrás de la puerta.",
    "Los vecinos de {L <lugarnombre>} [protestan|madrugan|pagan] más que los de {L <ciudad>}.",
    "Las sobrinas de {P <lugarnombre>} estudian en {L <ciudad>}.",
    "[Doña|La señora] {P <ella> <lugarapellido>} [nació|vivió|enseñó] en {L <lugarapellido>}.",
    "[Don|El señor] {P <él> <lugarapellido>} [nunca estuvo|veraneaba|tenía una imprenta] en {L <lugarapellido>}.",
    "La {O Universidad de <lugarapellido>} [despidió|premió|contrató] a {P <persona>}.",
    "[La novela|La película] {M <obra>} transcurre en {L <ciudad>}.",
    "[Leí|Releí|No terminé] {M <obra>} el verano que pasamos con {P <nombre>}.",
    "«{M <obra>}» es la segunda obra de {P <persona>}.",
    "{P <lugarapellido>} [fue expulsado|marcó de cabeza|salió lesionado] en el minuto <k=3..89>.",
    "El {O <lugarapellido>} fichó a {P <apellido>} por <k=2..30> millones de <pesos>.",
    "Pasé por {L <lugarnombre>} para saludar a {P <lugarnombre>}.",
    "Hay trenes diarios entre {L <lugarapellido>} y {L <pueblo>}.",
    "Hubo un malentendido entre {P <lugarapellido>} y {P <apellido>}.",
    "Hubo un acuerdo entre {O <org>} y {O <org>}.",
    "A {P <lugarnombre>} no le gusta {L <lugarnombre>}: dice que hace demasiado [viento|calor|frío].",
    "En {L <lugarapellido>} ya no queda nadie que se apellide {P <lugarapellido>}.",
    "Preguntó por {P <lugarnombre>} en la {O Universidad de <ciudad>}.",
    "{O La Vanguardia del Sur} no está siempre a la vanguardia.",
    "El tiempo empeora, según {O El Tiempo}.",
    "La razón no siempre la tiene {O La Razón}, bromeó {P <apellido>}.",
    "Bajo la lluvia esperamos al autor de «{M Bajo la lluvia}».",
    "La calle {L <calle>} [desemboca|termina] en la plaza {L <calle>}.",
    "Bajó por la avenida {L <calle>} leyendo una biografía de {P <apellido>}.",
    "Cruzaron el {L <cauce>} a la altura de {L <pueblo>}.",
    "El río {L <cauce>} se desbordó [ayer|otra vez|a su paso por {L <pueblo>}].",
    "{P <él> [Segura|Marañón|Salado]}, vecino de {L <pueblo>}, cruzó a nado el {L <río>}.",
)
DECOYS = (
    "La victoria del equipo dio esperanza a la ciudad.",
    "Dolores de cabeza tuvo siempre; paciencia, muy poca.",
    "{P Dolores} tuvo siempre mucha paciencia con los niños.",
    "Esperanza, la verdad, nos queda poca.",
    "{P Esperanza} dijo la verdad, aunque nos queda poco tiempo.",
    "Rosario de quejas en la oficina: faltan sillas, luz y agua.",
    "{P Rosario} se quejó en la oficina: faltaban sillas, luz y agua.",
    "El león del circo se escapó cerca de {L León}.",
    "Un castillo en ruinas corona el cerro; abajo vive la familia {P Castillo}.",
    "Paz y trabajo pedían los vecinos [de {L <ciudad>}|en la plaza].",
    "{P Paz} pedía trabajo a los vecinos de {L <ciudad>}.",
    "La abuela rezaba el rosario con {P Rosario}, que se dormía.",
    "El navarro y el gallego discutieron con {P Navarro} toda la cena.",
    "Luna llena y marea alta: nadie salió a pescar en {L <puerto>}.",
    "{P Luna} llegó llena de barro a la reunión.",
    "La paloma se posó sobre el hombro de {P Paloma}.",
    "Campos y montes ardieron durante <k=3..9> días.",
    "{P Campos} y {P Montes} discutieron durante <k=3..9> días.",
    "Fuentes [oficiales|del ministerio] negaron la noticia.",
    "{P Fuentes} negó la noticia [oficialmente|ante los periodistas].",
    "Mercado tranquilo [hoy|esta mañana] en {L <ciudad>}: pocos compradores y precios estables.",
    "{P Mercado}, tranquilo, respondió [hoy|esta mañana] en {L <ciudad>} a los periodistas.",
    "Ríos de tinta han corrido sobre el caso.",
    "{P Ríos} ha corrido con los gastos del viaje.",
    "Pilar de la casa era la abuela; sin ella todo se torció.",
    "Paredes blancas, tejas rojas y un patio con limoneros: así son las casas de {L <ciudad>}.",
    "El alba nos sorprendió en la carretera; {P Alba} conducía.",
    "Los españoles y los [chilenos|cubanos|mexicanos|peruanos|uruguayos] comparten idioma, pero no horario.",
    "El carnaval de mi barrio no se parece al {M Carnaval} de {L <ciudad>}.",
    "La universidad del pueblo cerró y ahora todos van a la {O Universidad de <ciudad>}.",
    "El ministro, el alcalde y la jueza llegaron tarde, como siempre.",
    "{L Marte} y {L Venus} se veían desde el tejado, o eso creía {P <nombre>}.",
    "La copa se rompió antes de que empezara la {M Copa del Rey}.",
    "Ni el banco del parque ni la puerta del {O Banco del Austral} estaban pintados.",
    "Compró un billete de lotería en la estación y no volvió a mirarlo.",
    "[Mañana|El <día>] no habrá clase por la fiesta local.",
)
NEWS = (
    "{P <persona>}, portavoz de {O <org>}, [viajará|volverá] a {L <ciudad>} el <día>.",
    "{O <org>} abrirá una [fábrica|oficina|tienda] en {L <ciudad>} y otra en {L <país>}.",
    "{L <ciudad>}, <k=2..28> de <mes> ({O <sigla>}).",
    "La {O <sigla>} [convocó|suspendió|aplazó] la huelga [en los puertos|de conductores] de {L <país>}.",
    "El sindicato {O <sigla>} y la patronal {O <sigla>} [firmaron|rompieron] el convenio.",
    "{P <persona>} ganó el {M Premio Quetzal} [por «{M <obra>}»|a los <k=24..80> años].",
    "{P <p=persona>} y {P <persona>} [abrieron|clausuraron] la {M Feria del Libro} de {L <ciudad>}.",
    "El {O <club>} venció al {O <club>} por <k=2..5> a 1 en {L <ciudad>}.",
    "{O <club>} y {O <club>} se enfrentarán en la final de la {M Copa Libertad}.",
    "El [delantero|portero|defensa] <gentilicio> {P <él> <apellido>} jugará en el {O <club>}.",
    "Según {O <periódico>}, {O <org>} negocia con {O <org>}.",
    "Según {P <apellido>}, la crisis de {L <país>} durará <k=2..9> meses.",
    "El ministro <gentilicio> de Economía, {P <él> <apellido>}, [dimitió|compareció] ayer en {L <ciudad>}.",
    "La ministra {P <ella> <apellido>} [inauguró|visitó] el hospital de {L <ciudad>}.",
    "El terremoto se sintió en {L <ciudad>}, en {L <ciudad>} y hasta en {L <región>}.",
    "El incendio arrasó <k=200..9000> hectáreas en {L <región>}.",
    "{O <org>} [perdió|ganó] <k=2..90> millones en {L <país>} el año pasado.",
    "Los tribunales [dieron la razón a|condenaron a] {O <org>}.",
    "La abogada de {P <p=persona>} aseguró que no estuvo en {L <ciudad>} y que nadie allí conocía a {P <apellido>}.",
    "{O Aerolíneas Tucán} [cancela|suspende] sus vuelos a {L <ciudad>} y {L <ciudad>}.",
    "{P <persona>} (<k=21..45> años, {L <ciudad>}) debutó en el {M Torneo Apertura}.",
    "El ciclista {P <él> <apellido>} se retiró de la {M Vuelta a los Andes} [cerca de {L <ciudad>}|por una caída].",
    "El documental «{M <obra>}», de {P <persona>}, se estrena el <día>.",
    "El {O Ministerio de [Salud|Hacienda|Cultura|Agricultura]} de {L <país>} [retiró|aprobó|estudia] la medida.",
    "La policía detuvo en {L <ciudad>} a {P <persona>}.",
    "Vecinos de la calle {L <calle>} denunciaron a {O <org>} por los ruidos.",
    "El precio del café subió un <k=2..30> % en {L <país>}, informó {O <sigla>}.",
    "{O Radio Pregón} emitirá [mañana|el <día>] una entrevista con {P <persona>}.",
    "El {O <lugarapellido>} recibe el <día> al {O <club>}.",
    "La selección de {L <país>} viajó sin {P <apellido>}.",
    "Tanto {P <apellido>} como {P <apellido>} rechazaron la oferta del {O <club>}.",
    "El barco zarpó de {L <puerto>} rumbo a {L <puerto>} con <k=12..400> pasajeros.",
    "La {M Noche Blanca} reunió [a miles de personas|a <k=200..9000> personas] en {L <ciudad>}.",
    "El {M Mundial} se jugará en {L <país>}, confirmó {P <persona>}.",
    "Durante la {M Semana Santa}, {L <ciudad>} duplica su población.",
)
STORIES = (
    "Cuando {P <lugarnombre>} volvió de {L <ciudad>}, [nadie salió a esperar|la casa estaba vacía].",
    "Mi abuela {P <ella>} trabajó [treinta|veinte|diez] años en {O <org>}.",
    "Mi primo {P <él>} colecciona botellas del {L <río>} y cromos del {O <club>}.",
    "¿Has visto a {P <nombre>}? Estaba en {L <ciudad>} con los {P <apellido>}.",
    "¿Quién vive ahora en {L <lugarnombre>}, {P <apellido>} o su socio?",
    "—¿Y {P <nombre>}? —En {L <lugarnombre>}, con {P <lugarnombre>}.",
    "De {L <ciudad>} a {L <ciudad>} hay <k=2..20> horas, y {P <nombre>} las hizo de pie.",
    "{P <p=persona>} nació en {L <ciudad>}, pero [creció|estudió|se hizo famos<p:o/a>] en {L <ciudad>}.",
    "{P <p=persona>} dejó {O <org>} y {P <apellido>} ocupó su puesto.",
    "Nunca supimos por qué {P <nombre>} cambió {L <ciudad>} por un pueblo [perdido|diminuto] de {L <región>}.",
    "Entre {P <nombre>}, {P <nombre>} y yo sumamos tres nacionalidades y ningún pasaporte en regla.",
    "En la casa de los {P <apellido>} no se hablaba de {P <nombre>}.",
    "El perro se llamaba {M <él>}, como [el abuelo|la portera|el dueño de {O <org>}].",
    "Cenamos en el restaurante {O La Ceiba}, frente al río {L <río>}.",
    "[Querida|Estimada] {P <ella>}: te escribo desde {L <ciudad>}, donde [llueve|hace calor|nadie duerme].",
    "{P <ella>} se parece más a su tía {P <ella>} que a {P <él>}, su padre.",
    "Hasta que no lleguemos a {L <ciudad>}, no pienso hablar con {P <nombre>}.",
    "El doctor {P <apellido>} recomendó a {P <nombre>} que dejara {L <ciudad>}.",
    "Sor {P <ella>} atendía la botica de {L <ciudad>}.",
    "{P <nombre>} aprendió guaraní en {L Paraguay} y quechua en {L [Cusco|Cochabamba|Potosí]}.",
    "La profesora {P <apellido>} nos hacía leer {M <obra>} [en voz alta|cada <mes>].",
    "Se subió al {M Mercedes} y no paró hasta {L <ciudad>}.",
    "Se acercó a {P Mercedes} y no paró de hablar hasta {L <ciudad>}.",
    "Quien quiera ver a {P <nombre>} tendrá que ir a {L <ciudad>} antes del <día>.",
    "{P <ella> <apellido>}, que de joven fue [bailarina|camarera|minera] en {L <ciudad>}, escribe ahora en {O "
    "<periódico>}.",
    "Ni {P <nombre>} ni {P <nombre>} conocían {L <región>}.",
    "El museo guarda una carta de {P <persona>} a la {O Fundación Horizonte}.",
    "Bajamos del tren en {L <lugarapellido>}; {P <lugarnombre>} nos esperaba en el andén.",
    "Desde la ventana de {P <nombre>} se ve el volcán y, si no hay nubes, {L <ciudad>}.",
    "Dicen que {P <él> <lugarapellido>} escondió el dinero en {L <lugarapellido>}.",
    "¡Cuánto han cambiado {L <ciudad>}, el barrio y hasta {P <nombre>}!",
    "La panadería de {P <nombre>} está en la calle {L <calle>}, al lado del {O Banco del Austral}.",
)
FAMILIES = (AMBIGUOUS, NEWS, STORIES, DECOYS)
WEIGHTS = (4, 4, 4, 2)


def parse(marked: str) -> list[tuple[str, str]]:
    """Text with {P ...} marks -> (word, IOB2 tag) pairs."""
    rows: list[tuple[str, str]] = []
    kind, first = "", False
    for token in _TOKEN.findall(marked):
        if token.startswith("{"):
            kind, first = TYPES[token[1]], True
        elif token == "}":
            kind = ""
        else:
            rows.append((token, f"{'B' if first else 'I'}-{kind}" if kind else "O"))
            first = False
    return rows


def sentence(writer: Writer) -> str:
    """One marked sentence; now and then two in one line, as newspapers have them."""
    writer.reset()
    marked, frame = "", None
    for _ in range(2 if writer.chance(0.2) else 1):
        writer.bound = {}
        before = frame
        while frame == before:
            frame = writer.pick(writer.random.choices(FAMILIES, WEIGHTS)[0], own=0.15)
        pesos = writer.random.choice(["pesos", "euros", "soles", "bolívares"])
        marked += " " + tidy(writer.fill(frame.replace("<pesos>", pesos)))
    return marked.strip()


def generate(split: str, size: int, seen: set[str]) -> str:
    """The file of a split: two columns, a blank line after each sentence. `seen` keeps the sentences of all splits."""
    writer = DistinctWriter("ner", split)
    blocks = []
    while len(blocks) < size:
        marked = sentence(writer)
        if marked in seen:
            continue
        seen.add(marked)
        blocks.append("".join(f"{word} {tag}\n" for word, tag in parse(marked)) + "\n")
    return "".join(blocks)
