"""The words: names of people and places from the whole Spanish-speaking world, invented organisations, nouns, adjectives.

In the lists of nouns `_` stands for a space, `/` introduces an irregular plural, and `!` marks a feminine noun that takes
«el» in the singular. The place of an entry in its list decides which split may use it (`frames.owner`).
"""

# ruff: noqa: E501 (sentences and lists of words stay whole)

from __future__ import annotations

from collections.abc import Sequence

from speedy_utils.mini.generator.words import Item, listed, noun

WOMEN = listed(
    "Lucía Ximena Yolanda Guadalupe Itziar Nélida Rosario Mercedes Bárbara Consuelo Amparo Jimena Ñusta Soledad Pilar "
    "Dolores Inés Beatriz Araceli Macarena Noemí Valeria Rocío Ángela Florencia Victoria Belén Graciela Marisol Teresa "
    "Yesenia Camila Paloma Estela Leonor Catalina Olga Irene Montserrat Nuria Ainhoa Candela Micaela Renata Dayana Zulema "
    "Elvira Paz Esperanza Luz Fernanda Julieta Antonia Gabriela Maribel Carmen Sara Raquel Eugenia Alba"
)
MEN = listed(
    "Santiago Aurelio Íñigo Héctor Joaquín Ramiro Wilmer Ezequiel Félix Salvador Nicolás Óscar Anselmo Julián Rubén "
    "Emiliano Tomás Xavier Leandro Ángel Fermín Moisés Gonzalo Álvaro León Domingo Rafael Bruno Mateo Efraín Hernán "
    "Agustín Gustavo Valentín Iker Lautaro Abelardo Jesús Bernardo Facundo Marcelo Simón Ulises Vicente Rodrigo Camilo "
    "Andrés Cristóbal Eusebio Horacio Ignacio Jaime Lorenzo Milton Néstor Pascual Raúl Sergio Teodoro Víctor"
)
SURNAMES = listed(
    "Quispe Echeverría Muñoz Zambrano Ibáñez Mamani Urrutia Peña Cárdenas Valencia Oyarzún León Marín Núñez Villalobos "
    "Arguedas Castillo Etxeberria Paredes Córdoba Franco Gálvez Huamán Iriarte Jaramillo Lara Mercado Montes Navarro "
    "Ochoa Pacheco Rosales Santamaría Toledo Ugarte Vega Ybarra Zúñiga Acevedo Barrios Cuenca Domínguez Escobar Fuentes "
    "Guzmán Hidalgo Luna Maldonado Noriega Ordóñez Ponce Quintero Rivas Segovia Tapia Uribe Vargas Yáñez Zapata Ríos "
    "Campos Figueroa Solís Salazar Bermúdez Cisneros Delgado Espinoza Benítez Alarcón"
)
CITIES = listed(
    "Sevilla|Valparaíso|Cochabamba|Valencia|Mérida|Arequipa|Santiago|Rosario|Córdoba|Guayaquil|Bogotá|Montevideo|Managua|"
    "Oaxaca|Bilbao|Cali|Tegucigalpa|La Habana|Asunción|Quito|San José|Cartagena|Cuenca|Trujillo|Concepción|Mendoza|"
    "Guadalajara|Monterrey|Zaragoza|Málaga|Sucre|Potosí|Cusco|Iquitos|Salto|Antigua|Granada|León|San Salvador|"
    "Maracaibo|Barquisimeto|Medellín|Popayán|Loja|Ponce|Bata|Malabo|Encarnación|Paysandú|Tarija|Antofagasta|Temuco|"
    "Puebla|Veracruz|Mérida|Toledo|Cáceres|Almería|Vigo|Gijón|Salamanca|Soria|Las Palmas|Holguín|Santo Domingo|"
    "Buenos Aires|Ciudad de Guatemala|San Miguel|Puerto Montt|Tucumán"
)
COUNTRIES = listed(
    "Chile|Bolivia|Colombia|Paraguay|Uruguay|Honduras|Nicaragua|Cuba|Venezuela|Guatemala|Panamá|México|España|Argentina|"
    "Costa Rica|El Salvador|Puerto Rico|Guinea Ecuatorial"
)
RIVERS = listed(
    "Ebro Orinoco Magdalena Paraná Duero Usumacinta Bermejo Guadiana Pilcomayo Júcar Segura Biobío Marañón Salado"
)
TOWNS = listed(  # invented, for what an encyclopaedia says about a place
    "Villaclara del Monte|San Telmo de la Ribera|Peñaluz|Valdemirlo|Torrealba de los Olmos|Fuentelirio|Santa Orosia|"
    "Montearenal|Ciudad Laurel|Robledal|Aldealuenga|Nueva Calahonda|San Froilán|Cerrogrande|Villamimbre|Castroviento|"
    "Ojos de Alcor|Santa Casilda|Campoluz|Rocamora del Valle|Piedrablanda|Villarquejo|Nueva Ardana|San Millán de Toba|"
    "Alconada|Tres Encinas|Valdegama|Miralcampo|Lagunaseca|Hontanilla"
)
HARBOURS = listed(
    "Puerto Almendro|Caleta Honda|Puerto Garza|Cabo Mirlo|Bahía Calandria|Puerto Estaño|Punta Cardón|Puerto Lirio|"
    "Ensenada del Zorro|Puerto Rosal|Cala Redonda|Puerto Jazmín"
)
STREAMS = listed(
    "Almeral Taruque Guarín Cañamar Ibarel Sotillo Quimaral Orbela Lucerán Venadillo Tamaral Arquín Zorital Mirabel"
)
DISTRICTS = listed(
    "Alcarama|Tamanco|Valdoria|Quimaya|Almazara|Ordaval|Huancamar|Breñaluz|Mirandola|Cardoneda|Tolgar|Sanabal|"
    "Altavega|Yaraquí|Mochicay|Barbaluz"
)
REGIONS = listed(
    "Andalucía|Antioquia|Chiapas|Cataluña|Galicia|Jalisco|Chiloé|Aragón|Misiones|Yucatán|Atacama|Asturias|Sonora|"
    "Navarra|Extremadura|Santander|Tarapacá|Esmeraldas"
)
PLACE_NAMES = listed(  # first names that are places too, with their gender
    "Rosario:f Santiago:m Mercedes:f Victoria:f Belén:f Salvador:m Trinidad:f Concepción:f Asunción:f Florencia:f "
    "Esperanza:f Pilar:f Guadalupe:f Montserrat:f Luján:f Socorro:f Soledad:f Lourdes:f"
)
PLACE_SURNAMES = listed(
    "Valencia León Córdoba Toledo Cuenca Segovia Granada Lugo Ávila Mérida Zamora Soria Burgos Cáceres Trujillo Murcia "
    "Oviedo Linares Medina Rivera Salinas Castellón Logroño Ponce"
)
STREETS = listed(
    "Bolívar|Mayor|Independencia|San Martín|Colón|Sucre|Santa Rosa|Libertad|Ancha|del Molino|Sol|Hidalgo|Castilla|"
    "Buenavista|Larga|Morelos|O'Higgins|Artigas|Martí|Juárez"
)
ORGS = listed(
    "Grupo Altamar|Fundación Horizonte|Banco del Austral|Cervezas La Perla|Laboratorios Quilón|Editorial Mirlo|"
    "Aerolíneas Tucán|Teléfonos del Istmo|Cementos Roble|Café Serrano|Naviera Alcatraz|Constructora Piedrasanta|"
    "Seguros La Ceiba|Energía Litoral|Textiles Ñandú|Radio Pregón|Cooperativa El Porvenir|Consorcio Río Hondo|"
    "Farmacias Salvia|Ferrocarriles del Norte|Supermercados Girasol|Minera Los Cóndores|Bodegas Valdemoro|Astilleros Sotavento|"
    "Lácteos Pradera|Transportes Colibrí|Papelera Ibarra|Sistemas Quetzal|Hoteles Bahía Clara|Azucarera San Blas"
)
ACRONYMS = listed("UPG CONTEX FESUR AEMI SINTRAP IPACO COVIMAR ONDAS ANPRE ORTEC UDEPA FEPAR CIRO MASUR INVEA USCAM")
CLUBS = listed(
    "Deportivo Lucero|Atlético Cumbres|Deportivo Portuario|Real Olivares|Racing del Valle|Sporting Marisma|Independiente Minero|"
    "Estrella Roja de Ancón|Club Ferroviario|Atlético Juventud|Náutico Rocamar|Real Serrano|San Telmo Fútbol Club|"
    "Racing Sureño|Halcón de Tula|Montaraz|Gimnasia de Alcor|Talleres Unidos"
)
NEWSPAPERS = listed(
    "La Vanguardia del Sur|El Faro|El Mercurio Andino|La Nación|El Correo del Plata|Diario de Levante|El Tiempo|La Hora|"
    "El Pregonero|Crónica|La Razón|El Universal del Golfo"
)
WORKS = listed(
    "El reloj de arena|La casa de Bárbara|Los ríos dormidos|Cartas a Mercedes|Bajo la lluvia|La hora del colibrí|Santiago|"
    "Valencia de noche|El último tren|Sombras de agosto|La vuelta al patio|Ojos de obsidiana|Rosario de plata|"
    "El mapa de los vientos|La pampa infinita|Nadie llama dos veces|Canción del guanaco|Un verano en Soria|"
    "Los hijos de la niebla|Manual de despedidas"
)
EVENTS = listed(
    "Copa Libertad|Vuelta a los Andes|Festival de la Vendimia|Feria del Libro|Premio Quetzal|Torneo Apertura|Carnaval|"
    "Semana Santa|Mundial|Juegos del Pacífico|Copa del Rey|Noche Blanca|Premio Cóndor de Plata|Bienal de Arte|"
    "Liga de Campeones|Día de Muertos|Festival de Jazz|Maratón de las Flores"
)
GENTILICIOS = listed(
    "chileno boliviano colombiano paraguayo uruguayo hondureño nicaragüense cubano venezolano guatemalteco panameño "
    "mexicano español argentino costarricense salvadoreño puertorriqueño ecuatoguineano peruano ecuatoriano dominicano"
)
MONTHS = listed("enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre")
DAYS = listed("lunes martes miércoles jueves viernes sábado domingo")

_JOBS = listed(
    "médico/médica director/directora arquitecto/arquitecta cocinero/cocinera abogado/abogada ingeniero/ingeniera "
    "profesor/profesora cajero/cajera enfermero/enfermera escritor/escritora panadero/panadera alcalde/alcaldesa "
    "juez/jueza carpintero/carpintera bibliotecario/bibliotecaria jardinero/jardinera biólogo/bióloga "
    "fotógrafo/fotógrafa pintor/pintora actor/actriz cartero/cartera entrenador/entrenadora "
    "portero/portera zapatero/zapatera farmacéutico/farmacéutica traductor/traductora músico/música "
    "camarero/camarera peluquero/peluquera relojero/relojera agricultor/agricultora veterinario/veterinaria"
)
_BOTH = listed(
    "periodista dentista cantante estudiante guía pianista artista electricista recepcionista taxista policía comerciante"
)
_THINGS = {
    "m": "libro cuaderno reloj paraguas/paraguas sombrero cuchillo espejo martillo peine cuadro jarrón abrigo zapato tambor "
    "anillo plato sobre bolso mapa pañuelo candado disco cepillo cesto",
    "f": "mesa lámpara silla guitarra carta llave maleta bicicleta cuchara camisa botella manta caja cámara olla linterna "
    "escoba !hacha cometa bufanda moneda almohada flauta taza",
}
_FOODS = {
    "m": "pastel queso rábano tomate aguacate durazno limón champiñón jamón plátano mango pepino garbanzo pimiento melón higo",
    "f": "manzana naranja cebolla papaya lenteja sandía pera aceituna almendra espinaca calabaza ciruela fresa uva zanahoria nuez",
}
_ANIMALS = {
    "m": "perro gato caballo burro loro zorro conejo búho delfín ratón cóndor lobo pez jaguar cangrejo erizo",
    "f": "vaca gallina tortuga oveja cabra !águila ballena abeja rana llama mariposa serpiente yegua paloma araña liebre",
}
_PETS = {
    "m": "perro gato caballo burro loro conejo canario ratón mono",
    "f": "vaca gallina tortuga oveja cabra llama yegua paloma mula",
}
_PLACES = {
    "m": "mercado hospital teatro museo puerto parque colegio ayuntamiento aeropuerto castillo estadio cementerio cine "
    "puente molino convento hotel taller jardín faro",
    "f": "biblioteca escuela iglesia plaza farmacia estación fábrica panadería universidad comisaría catedral cárcel granja "
    "oficina librería piscina !aula torre tienda bodega",
}
_OPENED = {  # places that open and close
    "m": "mercado teatro museo colegio cine hotel taller ayuntamiento café restaurante",
    "f": "biblioteca escuela iglesia farmacia panadería oficina librería tienda bodega peluquería",
}
_ABSTRACT = {
    "m": "problema plan acuerdo proyecto sistema informe error viaje cambio peligro deseo silencio",
    "f": "idea crisis/crisis decisión propuesta ley noticia duda promesa respuesta costumbre solución razón",
}
_NATURE = {
    "m": "río mar bosque viento volcán desierto lago cielo árbol glaciar valle relámpago",
    "f": "lluvia montaña !agua nieve playa isla selva tormenta laguna luna cascada niebla",
}
ADJECTIVES = listed(
    "nuevo viejo rojo verde azul pequeño enorme barato caro frágil limpio sucio pesado ligero redondo cuadrado amarillo gris "
    "largo corto antiguo moderno útil extraño hermoso feo roto blanco negro"
)
MOODS = listed(
    "cansado contento enfermo nervioso tranquilo triste dormido despierto sorprendido aburrido preocupado satisfecho "
    "enfadado agotado orgulloso distraído"
)
TRAITS = listed(
    "amable inteligente trabajador generoso terco puntual simpático callado hablador valiente prudente curioso paciente "
    "tímido perezoso leal ingenuo encantador"
)
COLOURS = listed("rojo verde azul amarillo gris blanco negro morado pardo violeta")


def _nouns(lists: dict[str, str]) -> list[Item]:
    found = {gender: [noun(word, gender) for word in words.split()] for gender, words in lists.items()}
    mixed = [item for pair in zip(found["m"], found["f"], strict=False) for item in pair]
    return mixed + found["m"][len(found["f"]) :] + found["f"][len(found["m"]) :]


def _jobs() -> list[Item]:
    items = []
    for place, pair in enumerate(_JOBS):
        gender = "mf"[place % 2]
        items.append(noun(pair.split("/")[place % 2], gender))
    return items + [noun(word, "mf"[place % 2]) for place, word in enumerate(_BOTH)]


JOB_PAIRS = [tuple(pair.split("/")) for pair in _JOBS] + [(word, word) for word in _BOTH]


def _names(texts: list[str], gender: str = "m") -> list[Item]:
    return [Item(text, gender, "", "Q") for text in dict.fromkeys(texts)]


LISTS: dict[str, list[Item]] = {
    "cosa": _nouns(_THINGS),
    "comida": _nouns(_FOODS),
    "animal": _nouns(_ANIMALS),
    "mascota": _nouns(_PETS),
    "sitio": _nouns(_PLACES),
    "local": _nouns(_OPENED),
    "asunto": _nouns(_ABSTRACT),
    "natura": _nouns(_NATURE),
    "oficio": _jobs(),
    "oficiom": [noun(pair[0], "m") for pair in JOB_PAIRS],
    "oficiof": [noun(pair[1], "f") for pair in JOB_PAIRS],
    "nombre": [Item(n, g, "", "Q") for pair in zip(WOMEN, MEN, strict=True) for n, g in zip(pair, "fm", strict=True)],
    "ella": [Item(name, "f", "", "Q") for name in WOMEN],
    "él": [Item(name, "m", "", "Q") for name in MEN],
    "lugarnombre": [Item(name[:-2], name[-1], "", "Q") for name in PLACE_NAMES],
    "lugarapellido": _names(PLACE_SURNAMES),
    "apellido": _names(SURNAMES),
    "ciudad": _names(CITIES, "f"),
    "país": _names(COUNTRIES),
    "río": _names(RIVERS),
    "región": _names(REGIONS, "f"),
    "pueblo": _names(TOWNS, "f"),
    "puerto": _names(HARBOURS, "f"),
    "cauce": _names(STREAMS),
    "comarca": _names(DISTRICTS, "f"),
    "calle": _names(STREETS),
    "org": _names(ORGS),
    "sigla": _names(ACRONYMS),
    "club": _names(CLUBS),
    "periódico": _names(NEWSPAPERS),
    "obra": _names(WORKS),
    "evento": _names(EVENTS),
    "gentilicio": [Item(word, "m", "", "A") for word in GENTILICIOS],
    "mes": [Item(month, "m") for month in MONTHS],
    "entresemana": [Item(day, "m", day) for day in DAYS[:5]],
    "día": [Item(day, "m", day if day.endswith("s") else day + "s") for day in DAYS],
}


_WORD_LISTS = (*LISTS.values(), WOMEN, MEN, SURNAMES, ADJECTIVES, MOODS, TRAITS, COLOURS)


def is_word_list(entries: Sequence) -> bool:
    """True for the lists of words that a slot draws from, False for a list of frames."""
    return any(entries is words for words in _WORD_LISTS)
