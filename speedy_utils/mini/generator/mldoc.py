"""News in four classes: companies (CCAT), economy (ECAT), government and society (GCAT), markets (MCAT).

A text is a lead and its development; a background sentence of another class may follow, and the classes share words on
purpose (`acciones`, `bolsa`, `banco`, `mercado`, `interés`, `subir`), so that no single word tells the class.
In all frames of a text <o> and <o2> are organisations, <p> a person, <c> and <c2> cities, <k> a country.
"""

# ruff: noqa: E501 (sentences and lists of words stay whole)

from __future__ import annotations

import json

from speedy_utils.mini.generator.frames import Writer

LEADS = {
    "CCAT": (
        "<o> comprará el <k1=20..90> % de <o2> por <k2=15..900> millones de <m>",
        "<o> nombra a <p> para dirigir su filial en <k>",
        "<o> cerrará su planta de <c> y despedirá a <k1=80..950> trabajadores",
        "los dueños de <o> y <o2> acordaron fusionar las dos compañías",
        "<o> ganó un <k1=3..48> % más en el primer semestre",
        "<o> perdió <k1=4..90> millones de <m> el año pasado por el cierre de sus tiendas en <c>",
        "<o> demanda a <o2> por copiarle [el diseño de los envases|una patente]",
        "<o> abrirá en <c> su primera fábrica de [bolsas de papel|baterías|zapatos]",
        "<p> deja la presidencia de <o> tras <k1=3..25> años",
        "<o> retira del mercado <k1=2..90> mil unidades de su [lavadora|cafetera|silla infantil] más vendida",
        "<o> gana el concurso para construir el [puente|hospital|mercado central] de <c>",
        "los trabajadores de <o> aceptan el convenio y vuelven a la fábrica de <c>",
        "<o> refinancia su deuda con un grupo de bancos",
        "<o> lanzará en <k> un teléfono sin pantalla",
        "la familia fundadora vende <o> a sus propios empleados",
        "<o> sube el sueldo a la plantilla y se lo baja a sus directivos",
        "el consejo de <o> rechaza la oferta de <o2>",
        "<o> reparte entre los socios un beneficio de <k1=2..60> millones de <m>",
        "<o> se declara en quiebra y deja sin cobrar a <k1=40..300> proveedores",
        "<o> y <o2> compartirán almacenes en <c> para gastar menos",
    ),
    "ECAT": (
        "los precios de <k> subieron un <k1=2..9> % en <mes>",
        "el paro bajó en <k> al <k1=5..19> % de la población activa",
        "la economía de <k> creció un <k1=1..7> % en el último trimestre",
        "el banco central de <k> prevé menos inflación para el año próximo",
        "<k> exportó un <k1=3..30> % más de [fruta|madera|carne|maquinaria] que el año anterior",
        "el déficit público de <k> alcanzó el <k1=2..9> % del producto interior bruto",
        "el salario mínimo de <k> subirá un <k1=3..15> % en <mes>",
        "las familias de <k> gastan en comida un tercio de lo que ganan",
        "<k> importó menos [trigo|maquinaria|petróleo] por la caída del consumo",
        "la deuda externa de <k> se redujo por primera vez en <k1=4..20> años",
        "el turismo aporta ya uno de cada <k1=6..14> empleos en <k>",
        "la recaudación de impuestos cayó en <k> un <k1=2..20> %",
        "la producción industrial de <k> retrocedió en <mes>",
        "el crédito a los hogares se encarece en <k>",
        "la pobreza bajó en el campo, pero el empleo informal aumentó en las ciudades",
        "el coste de la vida en <c> supera ya al de <c2>",
        "las remesas de los emigrantes crecieron un <k1=3..25> % en <k>",
        "el ministro de Hacienda presenta un presupuesto con menos gasto",
        "la sequía restará a <k> dos puntos de crecimiento",
        "los jóvenes de <k> tardan <k1=6..20> meses en encontrar su primer empleo",
    ),
    "GCAT": (
        "el presidente cesó a los ministros de [Cultura|Deportes|Pesca] y de [Transportes|Turismo|Vivienda] ## Los cesados se enteraron por la radio. ## La oposición pide elecciones antes de <mes>.",
        "el Congreso aprobó la ley de [aguas|bosques|vivienda] tras <k1=5..30> horas de debate ## La votación terminó de madrugada y con la mitad de los escaños vacíos. ## La norma entrará en vigor en <mes>.",
        "miles de personas marcharon en <c> contra el cierre del hospital ## «No nos iremos de la plaza», dijo <persona>, portavoz de los vecinos. ## El hospital atiende a <n=20..90> mil pacientes al año.",
        "<p> ganó la alcaldía de <c> por <k1=12..900> votos ## El recuento duró hasta las <n=3..9> de la mañana. ## Su partido no gobernaba la ciudad desde <n=1979..2011>.",
        "un terremoto sacudió <c> sin causar víctimas ## Las clases se reanudarán el [lunes|martes|miércoles|jueves]. ## El temblor se sintió a <n=30..200> kilómetros.",
        "la policía detuvo en <c> a [tres|cuatro|cinco] personas por el robo de un cuadro ## El lienzo apareció enrollado en un paraguas. ## El juez dejó en libertad con cargos a los detenidos.",
        "un juez ordenó repetir las elecciones a la junta vecinal de un barrio de <c> ## En la urna había <n=3..20> votos más que votantes. ## La junta dijo que acatará la sentencia.",
        "el incendio que cercaba <c> fue controlado al amanecer ## Ardieron <n=200..9000> hectáreas de pinos y matorral. ## Los vecinos evacuados ya han vuelto a sus casas.",
        "<p> recibió en <c> el premio nacional de [poesía|teatro|ciencias] ## En su discurso pidió más bibliotecas y menos estatuas. ## Es la persona más joven que lo gana desde <n=1960..1999>.",
        "los médicos de <c> comenzaron una huelga de <k1=2..9> días ## Piden turnos más cortos y <n=200..4000> contratos nuevos. ## Las urgencias funcionan con normalidad.",
        "dos pueblos vecinos reabrieron el puente que los une después de <k1=3..15> años ## Los primeros en cruzarlo fueron dos hermanos que no se veían desde niños. ## Habrá autobuses diarios a <c>.",
        "la selección de <k> se clasificó para la final con un gol de <p.a> ## El tanto llegó en el minuto <n=46..90>. ## El partido decisivo se jugará en <c> el <día>.",
        "las lluvias dejaron sin luz a <k1=3..60> mil vecinos de <c> ## Las autoridades enviaron mantas, agua y <n=3..40> médicos. ## El río subió <n=2..6> metros en una noche.",
        "el museo de <c> devolverá a <c2> <k1=12..90> piezas de cerámica ## Las vasijas habían salido de allí en <n=1890..1950>. ## La entrega se hará en <mes> y sin discursos.",
        "unas [doscientas|trescientas|quinientas|ochocientas] familias del barrio viejo de <c> serán realojadas ## Sus casas tienen grietas desde que se abrió el túnel. ## Los afectados piden quedarse cerca de la escuela.",
        "la fiscalía pidió <k1=2..12> años de cárcel para un falso médico de <c> ## El acusado negó los hechos ante el juez. ## Entre las pruebas hay <n=12..90> horas de grabaciones.",
        "una escuela de <c> enseñará en dos lenguas desde <mes> ## La mitad de los niños habla en casa un idioma distinto del español. ## Se han apuntado <n=40..300> alumnos.",
        "los arqueólogos hallaron en <c> los restos de un mercado de hace <k1=6..20> siglos ## Bajo los puestos había semillas, monedas y una flauta. ## La excavación se podrá visitar los <día.pl>.",
        "la oposición emprenderá acciones legales contra el gobierno ## Lo acusa de haber nombrado a <n=3..12> jueces sin consultar al Congreso. ## El gobierno se dijo tranquilo.",
        "el alcalde de <c> prohibió las bolsas de plástico en las tiendas ## Los comercios tendrán <n=2..9> meses para adaptarse. ## La multa equivaldrá a <n=2..9> días de sueldo.",
    ),
    "MCAT": (
        "la bolsa de <c> cerró con una subida de <k1=2..90> puntos",
        "las acciones de <o> cayeron un <k1=2..18> % en la bolsa de <c>",
        "el <m1> se depreció frente al dólar en la apertura del mercado",
        "el precio del [cobre|oro|petróleo|café] marcó su máximo del año",
        "los inversores vendieron bonos de <k> y compraron oro",
        "el barril de petróleo bajó a <k1=40..110> dólares",
        "la bolsa de <c> suspendió la cotización de <o>",
        "los títulos de <o> subieron más que los de <o2>",
        "el interés de los bonos a diez años cayó hasta el <k1=2..9> %",
        "los contratos de [soja|trigo|maíz] para <mes> perdieron <k1=2..40> centavos",
        "el dólar cerró en <k> por encima de lo esperado",
        "la sesión bursátil terminó sin cambios a la espera de los datos de empleo",
        "los valores bancarios arrastraron a la baja al índice de <c>",
        "el tesoro de <k> colocó letras a <k1=3..12> meses con fuerte demanda",
        "la plata recuperó parte de lo perdido el [martes|miércoles|jueves|viernes]",
        "el índice de <c> rompió una racha de <k1=3..9> jornadas en rojo",
        "los operadores esperan un mercado de divisas tranquilo hasta <mes>",
        "<o> debutó en la bolsa de <c> con un alza del <k1=2..30> %",
        "el azúcar y el cacao cotizaron con signo contrario",
        "las ventas de última hora borraron las ganancias de la bolsa de <c>",
    ),
}
BODIES = {
    "CCAT": (
        "La compañía emplea a <n=120..9000> personas en <c> y <c2>.",
        "«Hay que mirar hacia delante», dijo <persona>, [responsable de personal|portavoz de la empresa].",
        "La junta de accionistas se reunirá en <mes>.",
        "Su principal competidor no quiso hacer comentarios.",
        "El grupo, fundado en <n=1900..1995>, trabaja sobre todo para la exportación.",
        "La firma vende en <k> la mitad de lo que produce.",
        "Entre los accionistas está <persona>, que entró en la empresa como [aprendiz|contable|recepcionista].",
        "Su sede está en <c2> y ocupa [un antiguo teatro|un edificio de <n=4..30> plantas].",
        "Los sindicatos piden reunirse con la dirección antes del <día>.",
        "La empresa tiene contratos con proveedores de <k> hasta dentro de <n=3..9> años.",
        "La marca se hizo famosa por un anuncio de <n=1965..1999>.",
        "La empresa hizo público el anuncio por la tarde.",
    ),
    "ECAT": (
        "El dato es [peor|mejor] que el previsto por el instituto de estadística.",
        "Los alimentos se encarecieron más que la energía, según el informe oficial.",
        "La construcción y el comercio crearon la mayor parte de los puestos de trabajo.",
        "«Crecemos, pero crecemos mal», advirtió <persona>, economista de la universidad.",
        "El gobierno mantiene su previsión de crecimiento del <n=1..6> % para todo el año.",
        "En <n=1985..2004> las cosas iban [mejor|peor], según el mismo informe.",
        "El desempleo es mayor entre las mujeres y los menores de treinta años.",
        "Al ministerio le preocupan la sequía y los precios del transporte.",
        "La inflación acumulada en doce meses llega al <n=3..40> %.",
        "El consumo privado, en cambio, apenas varió.",
        "Las provincias del norte salieron mejor paradas que las del sur.",
        "Los expertos no se ponen de acuerdo sobre lo que vendrá.",
    ),
    "GCAT": (
        "La noticia abrió los informativos de la noche.",
        "La radio local siguió los hechos en directo.",
        "Varios ministros opinaron, y no todos lo mismo.",
        "El obispo y los sindicatos prefirieron no opinar.",
        "Los periódicos recibieron <n=30..900> cartas sobre el asunto.",
        "La prensa de <c> le dedicó la portada.",
        "En la calle, la gente no hablaba de otra cosa.",
        "Un portavoz municipal leyó una nota de tres líneas y se marchó.",
    ),
    "MCAT": (
        "La sesión movió <n=2..90> millones de dólares, menos que la anterior.",
        "Algunos operadores hablaron de toma de beneficios.",
        "El índice general acumula en el año una [ganancia|pérdida] del <n=2..30> %.",
        "«El mercado está nervioso», resumió <persona>, de la correduría <apellido> y <apellido>.",
        "Los valores [eléctricos|mineros|bancarios] fueron los más activos.",
        "La jornada había empezado con otro ánimo.",
        "A media sesión los compradores volvieron a aparecer.",
        "Los contratos de <mes> apenas se movieron.",
        "El volumen fue escaso por el feriado en <c2>.",
        "Los analistas ven resistencia en los <n=1200..9000> puntos.",
        "El diferencial con los bonos a dos años se estrechó.",
        "A primera hora hubo pocas operaciones.",
    ),
}
NEUTRAL = (
    "La noticia se conoció [a última hora|a primera hora|el <día> por la noche].",
    "No se dieron más detalles.",
    "Fue la noticia más leída del <día>.",
    "«Ya veremos qué pasa en <mes>», comentó <persona>.",
    "El asunto dará que hablar en las próximas semanas.",
    "Nadie respondió a las preguntas de este diario.",
    "En <c> la noticia se recibió con sorpresa.",
    "La agencia <sigla> fue la primera en dar la noticia.",
    "En los bancos, los mercados y la bolsa de <c> no se habló ayer de otra cosa.",
    "El gobierno no ha dicho todavía nada.",
)
LINKS = (
    "En otro orden de cosas, ",
    "Por otra parte, ",
    "Mientras tanto, ",
    "La víspera, la noticia había sido otra: ",
    "La semana pasada se supo además que ",
)
CLASSES = tuple(LEADS)
COINS = {  # of the countries of the news
    "Chile": "peso pesos",
    "Bolivia": "boliviano bolivianos",
    "Colombia": "peso pesos",
    "Paraguay": "guaraní guaraníes",
    "Uruguay": "peso pesos",
    "Honduras": "lempira lempiras",
    "Nicaragua": "córdoba córdobas",
    "Venezuela": "bolívar bolívares",
    "Guatemala": "quetzal quetzales",
    "México": "peso pesos",
    "España": "euro euros",
    "Argentina": "peso pesos",
    "Costa Rica": "colón colones",
}


def document(writer: Writer, label: str) -> str:
    """One text of a class: lead, one to four sentences, perhaps one sentence of another class."""
    writer.reset()
    for name, source in (
        ("o", "org"),
        ("o2", "org"),
        ("p", "persona"),
        ("c", "ciudad"),
        ("c2", "ciudad"),
        ("k", "país"),
    ):
        writer.bound[name] = writer.item(source)
    while writer.bound["k"].text not in COINS:
        writer.bound["k"] = writer.item("país")
    one, many = COINS[writer.bound["k"].text].split()

    def fill(frame: str) -> str:
        return writer.text(frame.replace("<m>", many).replace("<m1>", one))

    lead, *own = str(writer.pick(LEADS[label], own=0.15)).split(" ## ")
    lead = fill(lead)
    own += writer.random.sample(writer.entries(BODIES[label]), 1 if own else 2)
    neutral = writer.entries(NEUTRAL)
    body = [fill(frame) for frame in own[: writer.random.choice([0, 1, 1, 2, 2])]]
    body += [fill(frame) for frame in writer.random.sample(neutral, writer.random.choice([0, 0, 1, 1]))]
    if writer.chance(0.45):
        other = writer.random.choice([name for name in CLASSES if name != label])
        link = writer.random.choice(LINKS)
        for name, source in (
            ("p", "persona"),
            ("c", "ciudad"),
            ("c2", "ciudad"),
        ):  # other news, other people and places
            writer.bound[name] = writer.item(source)
        sentence = fill(str(writer.pick(LEADS[other], own=0.15)).split(" ## ")[0])
        if not any(sentence.startswith(writer.bound[name].text) for name in ("o", "p", "k")):
            sentence = sentence[0].lower() + sentence[1:]
        body.append(link + sentence + ".")
        if writer.chance(0.25):
            body.append(fill(writer.random.choice(writer.entries(BODIES[other]))))
    text = f"{lead}. " + " ".join(body)
    if writer.chance(0.3):
        day = writer.fill("<ciudad>, <q=2..28> de <mes>")
        text = f"{day}. {text}"
    return text.strip()


def generate(split: str, size: int, seen: set[str]) -> str:
    """The file of a split: JSON lines, the four classes equally often and in random order."""
    writer = Writer("mldoc", split)
    labels = [CLASSES[i % 4] for i in range(size)]
    writer.random.shuffle(labels)
    lines = []
    for label in labels:
        text = document(writer, label)
        while text in seen:
            text = document(writer, label)
        seen.add(text)
        lines.append(json.dumps({"sentence1": text, "label": label}, ensure_ascii=False) + "\n")
    return "".join(lines)
